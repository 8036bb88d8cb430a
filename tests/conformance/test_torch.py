"""Ops that PyTorch has under the same name give its values and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tapegraph as tg
from tests.conformance import cases
from tests.conformance.cases import ENTRIES
from tests.conformance.test_gradients import FLOAT, gradients, one_call, smooth_samples

# Samples reach outside of the domain of an op, and special values are not finite.
pytestmark = pytest.mark.filterwarnings("ignore::engine.notices.NonFiniteWarning")

OTHER_NAMES = {"axis": "dim", "keepdims": "keepdim"}
OTHER_MEANING = {
    "repeat",
    "var",
    "std",
    "layer_norm",
    "stack",
    "unstack",
    "split",
    "one_hot",
    "take",
    "reshape",
    "softplus",
}


def counterpart(torch: Any, name: str) -> Any:
    """PyTorch's function of this name, or None."""
    return next((f for m in (torch, torch.nn.functional) if callable(f := getattr(m, name, None))), None)


@pytest.mark.parametrize("name", [e.name for e in ENTRIES.values() if e.elementwise or e.record.onnx])
def test_against_torch(name):
    torch = pytest.importorskip("torch")
    entry, theirs = ENTRIES[name], counterpart(torch, name)
    if theirs is None or name in OTHER_MEANING or FLOAT not in entry.record.accepts or not entry.smooth:
        pytest.skip("no counterpart")
    compared = 0
    for sample in smooth_samples(entry):
        run, arrays = one_call(entry, sample)
        tensors = [torch.tensor(a.copy(), requires_grad=a.dtype.kind == "f") for a in arrays]
        (call,) = cases.unpack([sample])[1](tensors)
        if call.attrs.get("axis") == ():
            continue  # no axes to us, all axes to PyTorch
        try:
            wanted = theirs(*call.args, **{OTHER_NAMES.get(k, k): v for k, v in call.attrs.items()})
            torch.sum(wanted * 1.5 * torch.sin(wanted)).backward()
        except (TypeError, RuntimeError, ValueError):
            continue  # another signature, or a case only one of the two takes
        (found,) = run(*map(tg.asarray, arrays))
        np.testing.assert_allclose(np.asarray(found), wanted.detach().numpy(), rtol=1e-12, atol=1e-13)
        function, _ = gradients(entry, sample, 1)
        floats = [t for t in tensors if t.requires_grad]
        for g, t in zip(function(*map(tg.asarray, arrays)), floats, strict=True):
            np.testing.assert_allclose(np.asarray(g), t.grad.numpy(), rtol=1e-10, atol=1e-12)
        compared += 1
    if entry.elementwise and entry.op.arity < 3:
        assert compared, f"PyTorch refused every sample of {name}"
