"""What programs written by others for PyTorch were found to need, each against PyTorch itself."""

from importlib import import_module

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tapegraph.torch as facade
from engine.errors import UnsupportedError

LIBRARIES = (torch, facade)


def both(program):
    """What the program gives under PyTorch and under the facade."""
    return [program(library) for library in LIBRARIES]


def numbers(value):
    if isinstance(value, tuple | list):
        return [numbers(v) for v in value]
    if isinstance(value, dict):
        return {k: numbers(v) for k, v in value.items()}
    return value.detach().numpy() if hasattr(value, "detach") else value


# ------------------------------------------------------------------------------------------ bools


@pytest.mark.parametrize(
    "program",
    [
        "torch.max(a, b)",
        "torch.min(a, b)",
        "torch.maximum(a, b)",
        "a * b",
        "a + b",
        "torch.add(a, b)",
        "torch.mul(a, b)",
        "a.mul(b)",
        "a.max()",
        "b.min()",
        "m.max(1).values",
        "m.min(dim=0, keepdim=True).indices",
        "m.amax(1)",
        "a * x",
        "x + a",
    ],
)
def test_bools_are_added_multiplied_and_compared_as_bools(program):
    def run(torch):
        a, b = torch.tensor([True, True, False]), torch.tensor([True, False, False])
        m = torch.tensor([[False, True], [False, False]])
        x = torch.tensor([1.0, 2.0, 3.0])
        found = eval(program, {"torch": torch, "a": a, "b": b, "m": m, "x": x})
        return str(found.dtype), found.tolist()

    wanted, found = both(run)
    assert found == wanted


def test_a_mask_in_a_compiled_step():
    def masked(x):
        low, high = x < -0.5, x > 0.5
        return ((low + high) * x).sum(), torch_max(low, high).float().mean()

    torch_max = facade.max
    x = facade.linspace(-1.0, 1.0, 9)
    wanted = [float(v) for v in masked(x)]
    found = [float(v) for v in facade.compile(masked)(x)]
    np.testing.assert_allclose(found, wanted)


# ------------------------------------------------------------------------------------------ printing

PRINTED = [
    "torch.tensor([1.0, 2.5])",
    "torch.tensor([1e-8, 1.0])",
    "torch.tensor([True])",
    "torch.tensor([[True, False], [False, False]])",
    "torch.tensor([1.5, float('nan'), float('inf')])",
    "torch.tensor([1.0, float('inf')])",
    "torch.tensor([[1.0, 1000.123], [3, 4]])",
    "torch.ones(2, dtype=torch.float64)",
    "torch.arange(2000)",
    "torch.arange(3000.0).view(30, 100)",
    "torch.zeros(2, 2, 2, 2)",
    "torch.tensor([])",
    "torch.zeros(0, 3)",
    "torch.tensor([], dtype=torch.long)",
    "torch.tensor(3.0)",
    "torch.arange(40) * 1000",
    "torch.linspace(0, 1, 20, dtype=torch.float64, requires_grad=True)",
    "torch.nn.Parameter(torch.ones(1, 2))",
]


@pytest.mark.parametrize("program", PRINTED)
def test_tensors_print_alike(program):
    wanted, found = both(lambda torch: str(eval(program, {"torch": torch})))
    assert found == wanted


def test_print_options():
    def run(torch):
        torch.set_printoptions(precision=2, sci_mode=False)
        try:
            return str(torch.tensor([1e-5, 1.0]))
        finally:
            torch.set_printoptions(precision=4, sci_mode=None)

    wanted, found = both(run)
    assert found == wanted


def test_modules_print_alike():
    def run(torch):
        nn = torch.nn
        parts = nn.Sequential(
            nn.Conv2d(1, 2, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.LeakyReLU(0.2, inplace=True),
            nn.Flatten(),
            nn.Dropout(0.5),
            nn.Softmax(dim=1),
            nn.ModuleList([nn.Linear(1, 1), nn.Linear(1, 1), nn.ReLU()]),
            nn.CrossEntropyLoss(),
        )
        return str(parts)

    wanted, found = both(run)
    assert found == wanted


def test_an_optimizer_prints_its_groups():
    text = str(facade.optim.SGD([facade.nn.Parameter(facade.ones(1))], lr=0.1, momentum=0.9))
    assert text.startswith("SGD (\nParameter Group 0\n") and "    momentum: 0.9\n" in text


# ------------------------------------------------------------------------------------------ derivatives of functions


def test_products_with_derivatives():
    def run(torch):
        functional = import_module(f"{torch.__name__}.autograd.functional")
        x, v = torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
        w = torch.tensor([2.0, 1.0], requires_grad=True)
        return [
            functional.vjp(lambda x: x * w, x, v),
            functional.jvp(lambda x: x**2 * w, x, v),
            functional.hvp(lambda x: (x**3).sum(), x, v),
            functional.jacobian(lambda x, y: x * y, (x, v)),
            functional.jacobian(lambda x: (x * 2, x.sum()), x),
            functional.hessian(lambda x, y: (x**2 * y).sum(), (x, v)),
        ]

    wanted, found = map(numbers, both(run))
    for a, b in zip(wanted, found, strict=True):
        assert str(a) == str(b)


def test_a_jacobian_that_is_trained_through():
    def run(torch):
        w = torch.tensor([2.0, 1.0], requires_grad=True)
        found = torch.autograd.functional.jacobian(lambda x: x**2 * w, torch.tensor([1.0, 2.0]), create_graph=True)
        found.sum().backward()
        return w.grad.tolist()

    wanted, found = both(run)
    assert found == wanted


def test_transforms_of_functions():
    def run(torch):
        f, x, y = torch.func, torch.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0])
        rows = torch.ones(3, 2)
        value, back = f.vjp(torch.sin, x)
        results = [
            f.grad(lambda p, x: (p["w"] * x).sum())({"w": x}, y)["w"],
            f.grad(lambda x, y: (x * y).sum(), argnums=(0, 1))(x, y)[1],
            torch.vmap(f.grad(lambda w, x: (w * x).sum() ** 2), in_dims=(None, 0))(x, rows),
            torch.vmap(f.jacrev(lambda x: x**2))(rows),
            f.jacfwd(torch.sin)(x),
            f.hessian(lambda x: (x**3).sum())(x),
            f.jvp(torch.sin, (x,), (y,))[1],
            f.grad_and_value(lambda x: ((x**2).sum(), x), has_aux=True)(x)[0],
            value,
            back(y)[0],
        ]
        return [r.numpy() for r in results]  # of which none may require gradients

    for wanted, found in zip(*both(run), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_a_network_differentiated_by_its_input_is_trained():
    def run(torch):
        net = torch.nn.Linear(2, 1)
        with torch.no_grad():
            net.weight.copy_(torch.tensor([[1.0, -2.0]]))
        slopes = torch.vmap(torch.func.jacrev(lambda x: torch.tanh(net(x)).sum()))(torch.ones(3, 2) * 0.1)
        (slopes**2).sum().backward()
        return net.weight.grad.shape, net.weight.grad.abs().sum().item() > 0

    assert run(facade) == run(torch)


# ------------------------------------------------------------------------------------------ odds and ends


def test_strided_places():
    def run(torch):
        x = torch.arange(6.0)
        windows = torch.as_strided(x, (4, 3), (1, 1))
        torch.as_strided(x, (2,), (5,)).fill_(9.0)
        return windows.tolist(), x.tolist(), torch.as_strided(torch.tensor(2.0), (), ()).item()

    wanted, found = both(run)
    assert found == wanted


def test_strides_of_what_lies_otherwise_are_refused():
    with pytest.raises(UnsupportedError, match="contiguous"):
        facade.as_strided(facade.ones(2, 3).t(), (2,), (1,))


def test_a_contiguous_copy_lies_in_row_major_order():
    def run(torch):
        batches = torch.arange(12).narrow(0, 0, 12).view(3, -1).t().contiguous()
        x = torch.ones(2, 3, requires_grad=True)
        (x.t().contiguous().view(-1) * torch.arange(6.0)).sum().backward()
        return batches.stride(), batches.is_contiguous(), batches.view(-1).tolist(), x.grad.tolist()

    wanted, found = both(run)
    assert found == wanted


def test_a_diagonal_is_filled():
    def run(torch):
        x = torch.ones(3, 3)
        return x.fill_diagonal_(0.0).tolist(), x.sum().item()

    wanted, found = both(run)
    assert found == wanted


def test_assertions_of_models():
    facade._assert(True, "fine")
    with pytest.raises(AssertionError, match="patch"):
        facade._assert(False, "patch")


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("utils.data.dataloader", "DataLoader"),
        ("utils.data.dataset", "Dataset"),
        ("cuda.amp", "autocast"),
        ("autograd.functional", "vjp"),
        ("autograd.variable", "Variable"),
        ("distributions.categorical", "Categorical"),
        ("nn.modules.module", "Module"),
        ("nn.modules", "Linear"),
        ("optim.adamw", "AdamW"),
        ("backends.cudnn", "benchmark"),
    ],
)
def test_names_are_found_where_programs_import_them_from(path, name):
    module = import_module(f"tapegraph.torch.{path}")
    elsewhere = import_module(f"tapegraph.torch.{path.split('.')[0]}")
    assert getattr(module, name) is getattr(elsewhere, name, getattr(module, name))
    assert hasattr(import_module(f"torch.{path}"), name)


def test_what_is_not_offered_says_what_to_do():
    with pytest.raises(ModuleNotFoundError, match="state_dict"):
        import_module("tapegraph.torch.onnx")
    with pytest.raises(AttributeError, match=r"numpy\.fft"):
        facade.fft


def test_a_sampler_that_draws_for_ever():
    data = facade.utils.data
    sampler = data.RandomSampler(range(5), replacement=True, num_samples=int(1e10))
    loader = data.DataLoader(data.TensorDataset(facade.arange(5)), batch_size=4, sampler=sampler)
    batches = iter(loader)
    seen = [int(i) for _ in range(10) for i in next(batches)[0]]
    assert len(seen) == 40 and set(seen) == set(range(5))


def test_blocks_of_draws_are_one_stream(monkeypatch):
    from tapegraph.data import RandomSampler, samplers

    whole = list(RandomSampler(range(5), replacement=True, num_samples=23, seed=3))
    monkeypatch.setattr(samplers, "_BLOCK", 4)
    assert list(RandomSampler(range(5), replacement=True, num_samples=23, seed=3)) == whole


def test_what_loading_a_state_dict_prints():
    def run(torch):
        model = torch.nn.Linear(1, 1, bias=False)
        state = model.state_dict()
        return str(model.load_state_dict(state)), str(model.load_state_dict({}, strict=False))

    wanted, found = both(run)
    assert found == wanted
