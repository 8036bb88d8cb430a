"""Every function and method that the table of spellings offers, against PyTorch: values, dtypes, shapes, gradients."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tapegraph.torch as facade
import tapegraph.torch.linalg
import tapegraph.torch.nn.functional
from tapegraph.torch.methods import MISSING
from tests.torch_facade.expressions import CASES

rng = np.random.default_rng(0)
ARRAYS = {
    "A": rng.normal(size=(3, 4)).astype(np.float32),
    "B": rng.normal(size=(4, 3)).astype(np.float32),
    "C": rng.normal(size=(2, 3, 4)).astype(np.float32),
    "I": rng.integers(0, 3, (3, 4)),
    "K": rng.integers(0, 4, (3, 2)),
    "S": rng.normal(size=(3, 3)).astype(np.float32),
    "V": rng.normal(size=(6,)).astype(np.float32),
}
ARRAYS["P"] = np.abs(ARRAYS["A"]) + np.float32(0.1)
ARRAYS["U"] = np.clip(ARRAYS["P"] / 2, 0, 0.95)
ARRAYS["M"] = ARRAYS["A"] > 0
ALL = [(group, text.strip()) for group, texts in CASES.items() for text in " ".join(texts.split()).split("; ")]


def evaluated(library, text, grad=False):
    names = {name: library.from_numpy(value.copy()) for name, value in ARRAYS.items()}
    if grad:
        for name in "ABCPSUV":
            names[name].requires_grad_()
    found = eval(text, {"torch": library, "F": library.nn.functional, "np": np, **names})
    return found, names


def lacking(text):
    """Whether an expression needs something that the engine has not got yet."""
    missing = {**MISSING, **tapegraph.torch.linalg.MISSING}
    return any(f".{name}(" in text for name in missing)


def plain(value):
    """A result as nested lists of (dtype, array) and Python values."""
    if isinstance(value, tuple | list) and type(value).__name__ != "Size":
        return [plain(part) for part in value]
    if hasattr(value, "detach"):
        return str(value.dtype), value.detach().numpy()
    return value if isinstance(value, int | float | bool) else str(value)


def assert_same(found, wanted):
    if isinstance(wanted, list):
        assert isinstance(found, list) and len(found) == len(wanted)
        for f, w in zip(found, wanted):
            assert_same(f, w)
    elif isinstance(wanted, tuple):
        assert isinstance(found, tuple) and found[0] == wanted[0]
        assert found[1].shape == wanted[1].shape
        np.testing.assert_allclose(found[1], wanted[1], rtol=1e-4, atol=1e-5)
    else:
        assert found == wanted


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("group", "text"), ALL, ids=[f"{g}: {t}" for g, t in ALL])
def test_values(group, text):
    if lacking(text):
        pytest.skip("the engine has not got it")
    wanted, _ = evaluated(torch, text)
    found, _ = evaluated(facade, text)
    assert_same(plain(found), plain(wanted))


SMOOTH = [
    (g, t)
    for g, t in ALL
    if g in ("one operand", "two operands", "reductions", "views", "by position", "products", "functional")
]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("group", "text"), SMOOTH, ids=[t for _, t in SMOOTH])
def test_gradients(group, text):
    if lacking(text) or "inplace=True" in text:
        pytest.skip("the engine has not got it, or it writes into a leaf")
    try:
        wanted, theirs = evaluated(torch, text, grad=True)
        results = wanted if isinstance(wanted, tuple | list) else [wanted]
        picked = [i for i, r in enumerate(results) if isinstance(r, torch.Tensor) and r.requires_grad]
        sum(results[i].double().square().sum() for i in picked).backward()
    except (RuntimeError, AttributeError):
        pytest.skip("PyTorch takes no gradient of it")
    found, ours = evaluated(facade, text, grad=True)
    found = found if isinstance(found, tuple | list) else [found]
    parts = [found[i].double().square().sum() for i in picked if found[i].requires_grad]
    if parts:  # what is constant almost everywhere, such as floor, is not recorded at all here
        sum(parts).backward()
    for name in "ABCPSUV":
        zeros = torch.zeros_like(theirs[name])
        wanted = zeros if theirs[name].grad is None else theirs[name].grad
        found = zeros if ours[name].grad is None else ours[name].grad
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=2e-3, atol=2e-4)
