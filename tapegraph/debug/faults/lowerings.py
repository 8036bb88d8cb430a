"""Faults in how ops become native code: a wrong template, the wrong start of a fold, a layout beside its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

from engine.lowering import Assemble, Fold, Layout, Loop, Scalar, View
from engine.op import OPS
from tapegraph.debug.faults import fault, replaced


def _lowered(name: str, lower: Any) -> AbstractContextManager[None]:
    return replaced(OPS[name], "lower", lower)


def _template(name: str, change: Callable[[str], str]) -> AbstractContextManager[None]:
    old = OPS[name].lower
    assert isinstance(old, Scalar)
    return _lowered(name, replace(old, template=change(old.template)))


def _text(name: str, before: str, after: str) -> AbstractContextManager[None]:
    """The loop of an op with one piece of its text replaced."""
    old = OPS[name].lower
    assert isinstance(old, Loop)

    def text(*call: Any) -> Any:
        found = old.text(*call)
        if found is None:
            return None
        assert before in found[0], found[0]
        return found[0].replace(before, after), found[1]

    return _lowered(name, replace(old, text=text))


@fault("lowering", "subtract")
def turned_round() -> Iterator[None]:
    """x - y is written as y - x"""
    with _template("subtract", lambda text: "{1} - {0}"):
        yield


@fault("lowering", "sigmoid")
def mirrored() -> Iterator[None]:
    """sigmoid(x) is written as sigmoid(-x)"""
    with _template("sigmoid", lambda text: "sigmoid(-{0})"):
        yield


@fault("lowering", "maximum")
def smaller_for_larger() -> Iterator[None]:
    """maximum(x, y) is written as minimum(x, y)"""
    with _template("maximum", lambda text: "minimum({0}, {1})"):
        yield


@fault("lowering", "tanh")
def one_in_a_thousand() -> Iterator[None]:
    """tanh(x) is a thousandth too large"""
    with _template("tanh", lambda text: "tanh({0}) * ({one} + tanh({one}) / (tanh({one}) * 1000))"):
        yield


@fault("lowering", "log1pexp")
def branch_missing() -> Iterator[None]:
    """log(1 + exp(x)) without the part that is left for large x"""
    with _template("log1pexp", lambda text: "log1p(exp(-fabs({0})))"):
        yield


@fault("lowering", "sum")
def begins_with_one() -> Iterator[None]:
    """a sum begins with 1"""
    with _lowered("sum", replace(_fold("sum"), start="1")):
        yield


@fault("lowering", "max")
def begins_with_zero() -> Iterator[None]:
    """a maximum begins with 0, and is wrong where all elements are negative"""
    with _lowered("max", replace(_fold("max"), start="0")):
        yield


def _fold(name: str) -> Fold:
    found = OPS[name].lower
    assert isinstance(found, Fold)
    return found


@fault("lowering", "slice")
def one_too_early() -> Iterator[None]:
    """a slice that does not begin at 0 begins one element too early"""
    old = OPS["slice"].lower
    assert isinstance(old, View)

    def layout(source: Layout, shape: Any, result: Any, attrs: dict[str, Any]) -> Layout | None:
        found = old.layout(source, shape, result, attrs)
        if found is None or found.offset is source.offset or not any(attrs["starts"]):
            return found
        return replace(found, offset=found.offset - 1)

    with _lowered("slice", View(layout)):
        yield


@fault("lowering", "concat")
def parts_swapped() -> Iterator[None]:
    """the first two parts of a concatenation change places, where they are equally large"""
    old = OPS["concat"].lower
    assert isinstance(old, Assemble)

    def parts(*call: Any) -> Any:
        (first, one), (second, two), *rest = old.parts(*call)
        return [(second, one), (first, two), *rest]

    with _lowered("concat", Assemble(parts)):
        yield


@fault("lowering", "cumulative_sum")
def only_the_last_two() -> Iterator[None]:
    """a running sum adds each element to the one before it only"""
    with _text("cumulative_sum", "o[here - inner] + a0[here]", "a0[here - inner] + a0[here]"):
        yield


@fault("lowering", "argmax")
def last_of_equals() -> Iterator[None]:
    """argmax gives the last of several largest elements"""
    with _text("argmax", "if x > best", "if x >= best"):
        yield


@fault("lowering", "gather")
def wrong_row() -> Iterator[None]:
    """gather counts negative indices from the last but one row"""
    with _text("gather", "p0 += d0", "p0 += d0 - 1"):
        yield
