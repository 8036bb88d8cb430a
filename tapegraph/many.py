"""Several calls of a function in one, over batches that lie along a new first axis of its array arguments."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from eager.tensor import Tensor
from engine import dispatch, tree
from engine.errors import ArgumentError, ShapeError
from engine.level import numbers
from graph.builder import Builder
from tapegraph.calls import watchers
from tapegraph.mode import current_mode
from tapegraph.signature import signature

if TYPE_CHECKING:
    from tapegraph.function import Function

Call = tuple[tuple[Any, ...], dict[str, Any]]


def many(function: Function, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """See ``Function.many``."""
    found: list[Any] = []  # results with the batches along the first axis
    done = 0
    for given in _stacks(args, kwargs):
        count = _count(given)
        number = 0
        while number < count:
            ahead = count - number if number else 1  # the first compiles, and leaves gradients as the others find them
            try:
                result = _ahead(function, given, number, done + number) if ahead > 1 else None
                if result is None:
                    result, ahead = _alone(function, given, number), 1
            except Exception as mistake:
                if not getattr(mistake, "__notes__", ()):
                    mistake.add_note(f"in batch {done + number}")
                raise
            found.append(result)
            number += ahead
        done += count
    if not found:
        raise ArgumentError("there are no batches", op="many")
    return found[0] if len(found) == 1 else _joined(found)


def _array(leaf: Any) -> bool:
    return type(leaf) is Tensor or type(leaf) is np.ndarray


def _value(leaf: Any) -> Any:
    return leaf._array() if type(leaf) is Tensor else leaf


def _stacks(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Call]:
    """Arguments whose arrays have the batches along their first axis: as given, or a run of equal batches at a time."""
    if len(args) != 1 or kwargs or not (isinstance(args[0], list) or hasattr(args[0], "__next__")):
        yield args, kwargs
        return
    calls = (batch if isinstance(batch, tuple) else (batch,) for batch in args[0])
    for _, run in groupby(calls, key=lambda call: signature(call, {})[0]):
        batches = list(run)
        columns = zip(*(tree.leaves(list(batch)) for batch in batches), strict=True)
        stacked = [np.stack([_value(v) for v in column]) if _array(column[0]) else column[0] for column in columns]
        yield tuple(tree.rebuild(list(batches[0]), stacked)), {}


def _count(given: Call) -> int:
    """How many batches there are."""
    args, kwargs = given
    arrays = [leaf for leaf in tree.leaves([*args, *kwargs.values()]) if _array(leaf)]
    if not arrays or any(not a.shape for a in arrays):
        raise ArgumentError("needs arrays with the batches along their first axis", op="many", operands=arrays)
    counts = {a.shape[0] for a in arrays}
    if len(counts) > 1:
        raise ShapeError("the arguments have different numbers of batches", op="many", operands=arrays)
    return int(counts.pop())


def _part(given: Call, which: Any) -> Call:
    """The arguments of one batch, or of a range of them."""

    def taken(leaf: Any) -> Any:
        if not _array(leaf):
            return leaf
        part = _value(leaf)[which, ...]  # without the ellipsis NumPy gives a number for an array of no axes
        return Tensor(part) if type(leaf) is Tensor else part

    args, kwargs = given
    return tuple(tree.map_tree(taken, a) for a in args), {k: tree.map_tree(taken, v) for k, v in kwargs.items()}


def _alone(function: Function, given: Call, number: int) -> Any:
    """One call, its results with a first axis of 1."""
    args, kwargs = _part(given, number)

    def widened(leaf: Any) -> Any:
        return Tensor(np.asarray(leaf)[None]) if hasattr(leaf, "__array__") else leaf

    return tree.map_tree(widened, function(*args, **kwargs))


def _ahead(function: Function, given: Call, number: int, label: int) -> Any:
    """The batches from this one on in one native call; None where they must be called one by one."""
    if (
        (not function.always and current_mode() == "eager")
        or numbers() == "checked"
        or watchers()
        or isinstance(dispatch.current(), Builder)
    ):
        return None
    from compiler import several

    version, *_ = function.serving(*_part(given, number))
    if version is None or version.rebound or not several.possible(version.program):
        return None
    args, kwargs = _part(given, slice(number, None))
    stacks = [_value(leaf) for leaf in tree.leaves([*args, *kwargs.values()]) if _array(leaf)]
    results = several.run(version.program, stacks, label, numbers())
    version.count += len(stacks[0])
    return version.calls.rebuild([Tensor(r) for r in results])


def _joined(found: list[Any]) -> Any:
    """The results of all batches, one after the other."""
    columns = zip(*(tree.leaves([f]) for f in found), strict=True)
    joined = []
    for column in columns:
        if not _array(column[0]):
            joined.append(column[-1])
            continue
        if len({c.shape[1:] for c in column}) > 1:
            raise ShapeError("the results of the batches have different shapes", op="many", operands=column[:1])
        joined.append(Tensor(np.concatenate([_value(c) for c in column])))
    return tree.rebuild([found[-1]], joined)[0]
