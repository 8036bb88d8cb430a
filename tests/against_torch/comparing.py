"""One call of PyTorch's and the same call of ours: values, shapes, dtypes, and gradients of a random cotangent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import tapegraph as tg
import tapegraph.torch as facade
from engine.errors import UnsupportedError
from tests.against_torch import crossing
from tests.against_torch.crossing import Foreign
from tests.against_torch.sampling import Call

VALUES = {"float64": (1e-7, 1e-7), "float32": (1.3e-6, 1e-5), "float16": (1e-3, 1e-3)}
"""rtol and atol of PyTorch's own comparisons."""
GRADIENTS = {"float64": (1e-6, 1e-7), "float32": (1e-4, 1e-4)}


@dataclass(frozen=True)
class Wanted:
    """What PyTorch gives for a call: results, and the cotangents and gradients of its differentiable inputs."""

    values: list[Any]
    differentiable: list[int]
    cotangents: list[Any]
    gradients: list[Any] | None


def doubled(given: Any) -> Any:
    """The same nested arguments with float64 in place of float32, in tensors and as a dtype."""
    match given:
        case torch.Tensor() if given.dtype == torch.float32:
            return given.detach().double().requires_grad_(given.requires_grad)
        case torch.dtype():
            return torch.float64 if given == torch.float32 else given
        case dict():
            return {k: doubled(v) for k, v in given.items()}
        case torch.Size():
            return given
        case list() | tuple():
            return type(given)([doubled(v) for v in given])
    return given


def refined(function: Callable[..., Any], call: Call, wanted: Wanted) -> Wanted:
    """What PyTorch gives in float64 for a call in float32, rounded: the better reference where its own errors are large."""
    better = ask_torch(function, Call(doubled(call.args), doubled(call.named)), True, wanted.cotangents)

    def rounded(exact: list[Any] | None, like: list[Any] | None) -> list[Any] | None:
        if exact is None or like is None:
            return None
        return [None if y is None else y.astype(z.dtype) for y, z in zip(exact, like)]

    return Wanted(
        rounded(better.values, wanted.values) or [],
        wanted.differentiable,
        wanted.cotangents,
        rounded(better.gradients, wanted.gradients),
    )


def ask_torch(function: Callable[..., Any], call: Call, gradients: bool, given: list[Any] | None = None) -> Wanted:
    """The results of PyTorch's function, and its gradients where it has them, of ``given`` cotangents or random ones."""
    found = crossing.results(function(*call.args, **call.named))
    inputs = crossing.tensors([call.args, call.named])
    differentiable = [i for i, t in enumerate(inputs) if t.requires_grad]
    flowing = [isinstance(y, torch.Tensor) and y.requires_grad for y in found]
    if not gradients or not differentiable or not any(flowing):
        return Wanted([crossing.numbers(y) for y in found], differentiable, [], None)
    torch.manual_seed(1)
    cotangents = [torch.randn_like(y) if flows else None for y, flows in zip(found, flowing)]
    if given:
        cotangents = [None if c is None else torch.tensor(c).to(y.dtype) for c, y in zip(given, found)]
    pairs = [(y, c) for y, c in zip(found, cotangents) if c is not None]
    got = torch.autograd.grad(
        [y for y, _ in pairs], [inputs[i] for i in differentiable], [c for _, c in pairs], allow_unused=True
    )
    return Wanted(
        [crossing.numbers(y) for y in found],
        differentiable,
        [None if c is None else crossing.array(c) for c in cotangents],
        [None if g is None else crossing.array(g) for g in got],
    )


def ask_native(function: Callable[..., Any], call: Call, wanted: Wanted, static: bool) -> tuple[list[Any], Any]:
    """The same of a native function, at once or compiled."""
    given = crossing.tensors([call.args, call.named])
    arrays = [crossing.native(crossing.array(t)) for t in given]

    def run(arrays: Any) -> list[Any]:
        args, named = crossing.put([call.args, call.named], list(arrays), tg)
        return crossing.results(function(*args, **named))

    def both(arrays: Any, cotangents: Any) -> tuple[Any, Any]:
        def weighted(*arrays: Any) -> Any:
            return sum(tg.sum(y * c) for y, c in zip(run(arrays), cotangents) if c is not None)

        if wanted.gradients is None:
            return run(arrays), None
        return run(arrays), tg.grad(weighted, tuple(wanted.differentiable))(*arrays)

    cotangents = [None if c is None else crossing.native(c) for c in wanted.cotangents]
    values, gradients = (tg.compile(both) if static else both)(arrays, cotangents)
    return [np.asarray(y) for y in values], None if gradients is None else [np.asarray(g) for g in gradients]


def ask_facade(function: Callable[..., Any], call: Call, wanted: Wanted, static: bool) -> tuple[list[Any], Any]:
    """The same of a function of the facade."""
    given = crossing.tensors([call.args, call.named])
    made = [crossing.celled(crossing.array(t)) for t in given]

    def both(made: Any, cotangents: Any) -> tuple[Any, Any]:
        inputs = list(made)
        if wanted.gradients is not None:
            for i in wanted.differentiable:
                inputs[i] = inputs[i].detach().requires_grad_()
        args, named = crossing.put([call.args, call.named], list(inputs), facade)
        found = crossing.results(function(*args, **named))
        if wanted.gradients is None:
            return found, None
        weighted = [(y * c).sum() for y, c in zip(found, cotangents) if c is not None]
        total = sum(weighted)
        if not total.requires_grad:
            return found, [None for _ in wanted.differentiable]
        got = facade.autograd.grad(total, [inputs[i] for i in wanted.differentiable], allow_unused=True)
        return [y.detach() if isinstance(y, facade.Tensor) else y for y in found], list(got)

    cotangents = [None if c is None else crossing.celled(c) for c in wanted.cotangents]
    values, gradients = (tg.compile(both) if static else both)(made, cotangents)
    numbers = [None if g is None else crossing.numbers(g) for g in gradients] if gradients is not None else None
    return [crossing.numbers(y) for y in values], numbers


ASK = {"native": ask_native, "facade": ask_facade}


def difference(route: str, function: Any, call: Call, wanted: Wanted, static: bool = False, how: str = "") -> str:
    """What is different in a call of ours, in words; empty where nothing is. Raises Foreign for what we have not got.

    ``how``: "random" numbers are not compared, of "signed" vectors magnitudes if signs are others.
    """
    try:
        with np.errstate(all="ignore"):
            values, gradients = ASK[route](function, call, wanted, static)
    except Foreign:
        raise
    except Exception as error:
        if static and isinstance(error, UnsupportedError):
            raise Foreign(str(error)) from error
        return f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
    if len(values) != len(wanted.values):
        return f"{len(values)} results, PyTorch gives {len(wanted.values)}"
    random = how == "random"
    if how == "signed" and any(_apart(f, w, VALUES, False) for f, w in zip(values, wanted.values)):
        values, gradients = [np.abs(y) for y in values], None
        wanted = Wanted([np.abs(y) for y in wanted.values], [], [], None)
    for i, (found, want) in enumerate(zip(values, wanted.values)):
        if said := _apart(found, want, VALUES, random):
            return f"result {i}: {said}"
    for i, (found, want) in enumerate(zip(gradients or [], wanted.gradients or [])):
        if random or (want is None and (found is None or not np.asarray(found).any())):
            continue
        if found is None and not np.asarray(want).any():
            continue
        if found is None or want is None:
            return f"gradient {i}: {'none' if found is None else 'one'} where PyTorch gives {'none' if want is None else 'one'}"
        if said := _apart(found, want, GRADIENTS, False):
            return f"gradient {i}: {said}"
    return ""


def _apart(found: Any, want: Any, tolerance: dict[str, tuple[float, float]], random: bool) -> str:
    if found.shape != want.shape:
        return f"shape {list(found.shape)}, PyTorch {list(want.shape)}"
    if found.dtype != want.dtype:
        return f"dtype {found.dtype}, PyTorch {want.dtype}"
    if random or found.size == 0:
        return ""
    if want.dtype.kind != "f":
        wrong = int((found != want).sum())
        return f"{wrong} of {want.size} {want.dtype} elements differ" if wrong else ""
    rtol, atol = tolerance[want.dtype.name]
    finite = np.isfinite(want)
    atol *= max(1.0, float(np.abs(want[finite]).max(initial=0))) if want.dtype == np.float32 else 1.0
    bad = ~np.isclose(found, want, rtol=rtol, atol=atol, equal_nan=True)
    if not bad.any():
        return ""
    at = np.unravel_index(int(bad.argmax()), bad.shape)
    return f"{int(bad.sum())} of {want.size} elements differ, first {found[at]!r}, PyTorch {want[at]!r}"
