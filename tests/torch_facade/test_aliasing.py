"""Writes through views: random programs of views and in-place operations leave every tensor as PyTorch leaves it."""

import random

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tapegraph.torch as facade
from engine.errors import GradientError

VIEWS = {
    "x[0]": lambda x: x[0],
    "x[1:]": lambda x: x[1:],
    "x[..., -1]": lambda x: x[..., -1],
    "x[:, ::2]": lambda x: x[:, ::2],
    "x[None]": lambda x: x[None],
    "x.reshape": lambda x: x.reshape(-1),
    "x.view": lambda x: x.view(-1) if x.is_contiguous() else x,
    "x.t()": lambda x: x.t(),
    "x.T": lambda x: x.T,
    "x.permute": lambda x: x.permute(*reversed(range(x.dim()))),
    "x.transpose": lambda x: x.transpose(0, -1),
    "x.unsqueeze(1)": lambda x: x.unsqueeze(1),
    "x.squeeze()": lambda x: x.squeeze(),
    "x.narrow": lambda x: x.narrow(0, 0, max(1, x.size(0) - 1)),
    "x.select": lambda x: x.select(0, -1),
    "x.unbind": lambda x: x.unbind(0)[-1],
    "x.split": lambda x: x.split(2)[0],
    "x.chunk": lambda x: x.chunk(2)[-1],
    "x.diagonal": lambda x: x.diagonal(),
    "x.flatten": lambda x: x.flatten(),
    "x.detach": lambda x: x.detach(),
    "x.data": lambda x: x.data,
    "x.contiguous": lambda x: x.contiguous() if x.is_contiguous() else x,
    "x.clone": lambda x: x.clone(),
    "x + 0": lambda x: x + 0,
    "for row in x": lambda x: list(x)[-1],
}
WRITES = {
    "add_": lambda x: x.add_(1.5),
    "mul_": lambda x: x.mul_(-2),
    "zero_": lambda x: x.zero_(),
    "fill_": lambda x: x.fill_(3.0),
    "+=": lambda x: x.__iadd__(0.5),
    "copy_": lambda x: x.copy_(x.clone() * 2),
    "x[0] = 7": lambda x: x.__setitem__(0, 7.0),
    "x[-1] = x[0]": lambda x: x.__setitem__(-1, x[0].clone()),
    "x[x > 1] = 0": lambda x: x.__setitem__(x > 1, 0.25),
    "x[...] *= 2": lambda x: x.__setitem__(Ellipsis, x * 2),
    "masked_fill_": lambda x: x.masked_fill_(x < 0, 4.0),
    "clamp_": lambda x: x.clamp_(-3, 3),
    "sub_": lambda x: x.sub_(x.mean()),
}


START = np.arange(12, dtype=np.float32).reshape(3, 4) - 4


def run(library, choices, start=None):
    tensors, refused = [library.from_numpy(START.copy())] if start is None else [start], []
    for number, (kind, which, name) in enumerate(choices):
        x = tensors[which % len(tensors)]
        try:
            if kind == "view":
                tensors.append(VIEWS[name](x))
            else:
                WRITES[name](x)
        except (RuntimeError, IndexError, TypeError):
            refused.append(number)
    return tensors, refused


def drawn(seed, length):
    rng = random.Random(seed)
    kinds = [rng.choice(["view", "write"]) for _ in range(length)]
    return [(kind, rng.randrange(100), rng.choice(list(VIEWS if kind == "view" else WRITES))) for kind in kinds]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(60))
def test_random_programs(seed):
    choices = drawn(seed, 14)
    (wanted, refused), (found, refused_here) = run(torch, choices), run(facade, choices)
    assert refused_here == refused
    for w, f in zip(wanted, found, strict=True):
        np.testing.assert_allclose(f.numpy(), w.numpy(), rtol=1e-5, err_msg=str(choices))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(8))
def test_random_programs_inside_a_compiled_function(seed):
    choices = drawn(100 + seed, 8)
    (wanted, _), x = run(torch, choices), facade.from_numpy(START.copy())
    found = facade.compile(lambda x: run(facade, choices, x)[0])(x)
    np.testing.assert_allclose(x.numpy(), wanted[0].numpy(), rtol=1e-5, err_msg=str(choices))
    for w, f in zip(wanted, found, strict=True):
        np.testing.assert_allclose(f.numpy(), w.numpy(), rtol=1e-5, err_msg=str(choices))


def both(program):
    wanted, found = program(torch), program(facade)
    for w, f in zip(wanted, found, strict=True):
        np.testing.assert_allclose(f.detach().numpy(), w.detach().numpy(), rtol=1e-5)


def test_gradients_flow_through_writes_into_views():
    def program(torch):
        w = torch.tensor([[1.0, 2.0], [3.0, 4.0]], requires_grad=True)
        x = w * 2
        row = x[0]
        row.mul_(w[1])
        x.t()[1, 1] = w.sum()
        x.view(-1)[2] += w[0, 0]
        (x**2).sum().backward()
        return x, row, w.grad

    both(program)


def test_data_is_written_past_the_tape():
    def program(torch):
        w = torch.tensor([1.0, 2.0], requires_grad=True)
        y = w * 3
        y.data.clamp_(max=4)
        (y * y).sum().backward()
        w.data += 1
        w.detach()[0] = 9
        w.grad.data.mul_(2)
        w.grad[0] = 5
        return y, w, w.grad

    both(program)


def test_a_view_sees_what_an_optimizer_does():
    def program(torch):
        layer = torch.nn.Linear(2, 2)
        with torch.no_grad():
            layer.weight.copy_(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
            layer.bias[:] = 1
        column, before = layer.weight[:, 0], layer.weight.clone()
        held = layer.state_dict()
        layer(torch.ones(1, 2)).sum().backward()
        torch.optim.SGD(layer.parameters(), lr=1.0).step()
        return column, before, held["weight"], held["bias"]

    both(program)


def test_what_pytorch_refuses_is_refused():
    for library in (torch, facade):
        w = library.ones(2, requires_grad=True)
        with pytest.raises(RuntimeError, match="leaf"):
            w.add_(1)
        with pytest.raises(RuntimeError):
            w[0] = 1
        with pytest.raises(RuntimeError, match="single memory location"):
            library.ones(1, 2).expand(3, 2).add_(1)
        with pytest.raises(RuntimeError, match=r"result type .* can't be cast"):
            library.ones(2, dtype=library.int64).add_(0.5)
        with pytest.raises(RuntimeError):
            library.ones(2).add_(library.ones(3, 2))
        with pytest.raises(RuntimeError):
            library.ones(2, requires_grad=True).numpy()
        with pytest.raises(RuntimeError):
            library.ones(3, 2) @ library.ones(3, 2)


def test_a_detached_view_of_a_recorded_tensor_does_not_keep_the_tape():
    import gc
    import weakref

    w = facade.ones(3, requires_grad=True)
    y = w * 2
    kept = y.detach()
    alive = weakref.ref(y)
    del y
    gc.collect()
    assert alive() is None
    kept.add_(1)
    assert kept.tolist() == [3.0, 3.0, 3.0]


def test_a_lost_way_is_an_error_and_not_silence():
    w = facade.ones(3, requires_grad=True)
    y = w * 2
    detached = y[:2].detach()
    with pytest.raises(NotImplementedError, match="clone"):
        detached.zero_()
    assert isinstance(GradientError("x"), RuntimeError)
