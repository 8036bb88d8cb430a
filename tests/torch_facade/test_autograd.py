"""Gradients on demand, functions with rules of their own, modes, and compiled functions."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tapegraph as tg
import tapegraph.torch as facade

LIBRARIES = (torch, facade)


def agree(program, rtol=1e-5):
    wanted, found = program(torch), program(facade)
    assert len(wanted) == len(found)
    for w, f in zip(wanted, found):
        np.testing.assert_allclose(f.detach().numpy(), w.detach().numpy(), rtol=rtol)


def two_results(library):
    class SinCos(library.autograd.Function):
        @staticmethod
        def forward(ctx, x, factor):
            ctx.save_for_backward(x)
            ctx.factor = factor
            return x.sin() * factor, x.cos()

        @staticmethod
        def backward(ctx, gs, gc):
            (x,) = ctx.saved_tensors
            assert ctx.needs_input_grad == (True, False)
            return gs * x.cos() * ctx.factor - gc * x.sin(), None

    return SinCos


def test_functions_with_several_results():
    def program(library):
        x = library.tensor([0.3, 1.2], requires_grad=True)
        s, c = two_results(library).apply(x, 2.0)
        (s * c).sum().backward()
        (only,) = library.autograd.grad(two_results(library).apply(x, 3.0)[0].sum(), x)
        return [s, c, x.grad, only]

    agree(program)


def test_a_straight_through_estimator_in_both_modes():
    class Round(facade.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.round()

        @staticmethod
        def backward(ctx, g):
            return g * 2

    layer = facade.nn.Linear(2, 2)

    def step(x):
        layer.zero_grad()
        loss = Round.apply(layer(x) * 3).sum()
        loss.backward()
        return loss

    x = facade.tensor([[0.5, 1.5]])
    loss = step(x)
    wanted = layer.weight.grad.clone()
    compiled = facade.compile(step)
    assert compiled(x).item() == loss.item()
    np.testing.assert_allclose(layer.weight.grad.numpy(), wanted.numpy(), rtol=1e-6)


def test_gradients_of_gradients():
    def program(library):
        x = library.tensor([1.0, 2.0, 3.0], requires_grad=True)
        y = (x**3).sum()
        (g,) = library.autograd.grad(y, x, create_graph=True)
        (h,) = library.autograd.grad(g.sum(), x, retain_graph=True)
        g2 = library.autograd.grad([y, g.prod()], [x], grad_outputs=[None, library.tensor(0.5)], allow_unused=True)
        return [g, h, g2[0]]

    agree(program)


@pytest.mark.parametrize("library", LIBRARIES)
def test_unused_inputs(library):
    x, z = (library.ones(2, requires_grad=True) for _ in range(2))
    with pytest.raises(RuntimeError, match="not have been used"):
        library.autograd.grad(x.sum(), z)
    assert library.autograd.grad(x.sum(), (x, z), allow_unused=True)[1] is None
    with pytest.raises(RuntimeError, match="does not require grad"):
        library.ones(2).sum().backward()


@pytest.mark.parametrize("library", LIBRARIES)
def test_modes(library):
    x = library.ones(2, requires_grad=True)

    @library.no_grad()
    def quiet(x):
        return x * 2

    @library.inference_mode()
    def inferred(x):
        return x * 2

    assert not quiet(x).requires_grad and not inferred(x).requires_grad
    with library.no_grad():
        assert not (x * 2).requires_grad and not library.is_grad_enabled()
        with library.enable_grad():
            assert (x * 2).requires_grad
        with library.set_grad_enabled(True):
            assert (x * 2).requires_grad
        assert not (x * 2).requires_grad
    previous = library.is_grad_enabled()
    library.set_grad_enabled(False)
    assert not (x * 2).requires_grad
    library.set_grad_enabled(previous)
    assert (x * 2).requires_grad and not x.detach().requires_grad and x.is_leaf and not (x * 2).is_leaf


def test_leaves_accumulate():
    def program(library):
        x = library.tensor([1.0, 2.0], requires_grad=True)
        (x * 2).sum().backward()
        (x * x).sum().backward()
        first = x.grad.clone()
        x.grad.zero_()
        x.grad += 1
        with library.no_grad():
            x -= 0.5 * x.grad
        x.sum().backward()
        y = x.detach().clone().requires_grad_()
        y.prod().backward()
        return [first, x, x.grad, y.grad]

    agree(program)


def test_gradcheck():
    x = facade.randn(3, dtype=facade.float64, requires_grad=True)
    assert facade.autograd.gradcheck(lambda v: (v.sin() * v).sum(), (x,))
    assert facade.autograd.gradgradcheck(lambda v: (v**3).sum(), (x,))


def test_a_part_of_a_training_step_runs_line_by_line():
    layer = facade.nn.Linear(2, 1)
    with pytest.warns(UserWarning, match="whole training step"):
        facade.compile(lambda x: layer(x).sum())(facade.ones(3, 2)).backward()
    assert layer.weight.grad.tolist() == [[3.0, 3.0]]
    model = facade.compile(facade.nn.Linear(2, 1))
    with facade.no_grad():
        assert model(facade.ones(4, 2)).shape == (4, 1)
    assert model._compiled.compiled.versions


def test_one_step_in_both_modes_with_tg_function():
    def build():
        facade.manual_seed(3)
        model = facade.nn.Sequential(facade.nn.Linear(4, 8), facade.nn.Dropout(0.5), facade.nn.Linear(8, 2))
        optimizer = facade.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

        @tg.function
        def step(batch):
            optimizer.zero_grad()
            loss = facade.nn.functional.cross_entropy(model(batch["x"]), batch["y"])
            loss.backward()
            optimizer.step()
            return {"loss": loss, "seen": batch["x"].size(1)}

        return step

    facade.manual_seed(0)
    batches = [{"x": facade.randn(n, 4), "y": facade.randint(0, 2, (n,))} for n in (6, 6, 3)]
    losses = {}
    for mode in ("eager", "static"):
        step = build()
        facade.manual_seed(5)
        with tg.mode(mode):
            found = [step(batch) for batch in batches]
        assert all(type(f["loss"]) is facade.Tensor and f["seen"] == 4 for f in found)
        losses[mode] = [f["loss"].item() for f in found]
    assert len(step.versions) == 1
    np.testing.assert_allclose(losses["static"], losses["eager"], rtol=1e-5)


def test_arguments_and_results_keep_their_kind():
    compiled = tg.compile(lambda x, pair: (x + pair[0], {"b": pair[1].view(-1)}))
    y, rest = compiled(facade.ones(2, 2), (facade.ones(2, 2), facade.zeros(4, 1)))
    assert type(y) is facade.Tensor and rest["b"].shape == (4,)
    z, _ = compiled(tg.ones((2, 2)), (tg.ones((2, 2)), facade.zeros(4, 1)))
    assert type(z) is tg.Tensor


def test_outside_tensors_cannot_be_changed_inside_a_trace():
    total = facade.zeros(2)

    def step(x):
        total.add_(x)
        return x

    with pytest.raises(NotImplementedError, match="outside the traced function"):
        facade.compile(step)(facade.ones(2))
    assert total.tolist() == [0.0, 0.0]


def test_random_numbers_follow_the_seed():
    draws = []
    for _ in range(2):
        facade.manual_seed(7)
        draws.append([facade.randn(3).tolist(), facade.randint(0, 9, (4,)).tolist(), facade.randperm(5).tolist()])
    assert draws[0] == draws[1] and sorted(draws[0][2]) == list(range(5))
    source = facade.Generator().manual_seed(1)
    assert facade.rand(2, generator=source).tolist() != facade.rand(2, generator=source).tolist()
    state = facade.get_rng_state()
    first = facade.rand(3)
    facade.set_rng_state(state)
    assert facade.equal(facade.rand(3), first)
    x = facade.empty(20000).normal_(1.0, 2.0)
    assert abs(x.mean().item() - 1) < 0.1 and abs(x.std().item() - 2) < 0.1
    drawn = facade.multinomial(facade.tensor([0.0, 3.0, 1.0]), 4000, replacement=True)
    counts = facade.bincount(drawn, minlength=3).tolist()
    assert counts[0] == 0 and abs(counts[1] / 4000 - 0.75) < 0.05
    assert sorted(facade.multinomial(facade.ones(4), 4).tolist()) == [0, 1, 2, 3]


def test_a_compiled_function_sees_writes_into_tensors_from_outside():
    mask, row = facade.zeros(2), facade.ones(3, 2)
    part = row[1]
    compiled = facade.compile(lambda x: x + mask * part)
    assert compiled(facade.ones(2)).tolist() == [1.0, 1.0]
    mask.fill_(5)
    assert compiled(facade.ones(2)).tolist() == [6.0, 6.0]
    row[1, 0] = 0
    assert compiled(facade.ones(2)).tolist() == [1.0, 6.0]
    before = sum(map(len, compiled.compiled.versions.values()))
    compiled(facade.ones(2))
    assert sum(map(len, compiled.compiled.versions.values())) == before


def test_a_view_made_outside_is_read_anew_inside_a_compiled_function():
    layer = facade.nn.Linear(2, 2, bias=False)
    column = layer.weight[:, 0]
    compiled = facade.compile(lambda x: x * column.sum())
    with facade.no_grad():
        for value in (1.0, 2.0):
            layer.weight.fill_(value)
            assert compiled(facade.ones(1)).tolist() == [2 * value]
    assert column.tolist() == [2.0, 2.0]
