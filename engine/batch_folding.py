"""Ways of vmap that make the batch a part of an axis the op has: rows, columns, index arrays, samples, channels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.batching import Way, aligned, every, moved, repeated, reshaped
from engine.dtypes import DEFAULT_INT
from engine.op import OPS, Op, apply
from engine.sizes import Size, product, same

Flags = Sequence[bool]
Attrs = dict[str, Any]

# ---------------------------------------------------------------------------------------- matrix products


def products(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
    """Matrix products: with a matrix that all entries share one large product, else the batch is one more axis."""
    a, b = args
    if flags[0] and not flags[1] and b.ndim == 2:
        rows = reshaped(a, (product(a.shape[:-1]), a.shape[-1]))
        return reshaped(apply(op, rows, b), (*a.shape[:-1], b.shape[-1]))
    if flags[1] and not flags[0] and a.ndim == 2 and b.ndim == 3 and same(b.shape[-1], 1):
        rows = reshaped(b, b.shape[:-1])
        return reshaped(apply(op, rows, moved(a, 1, 0)), (size, a.shape[0], 1))
    if all(flags) and a.ndim == b.ndim == 3 and same(a.shape[-1], 1):
        return apply(OPS["multiply"], a, b)  # a column times a row
    return apply(op, *aligned(args, flags), **attrs)


def linear(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
    """A layer that all entries share is applied to all of them as to more rows; else each matrix meets its own rows."""
    x, w, *bias = args
    if not any(flags[1:]):
        return apply(op, *args)
    if not flags[1]:
        y = apply(op, x, w)
    elif not flags[0]:
        return NotImplemented
    else:  # the matrix stands on the left, so that its gradient comes out as it lies
        lead = x.shape[1:-1]
        columns = reshaped(x, (size, product(lead), x.shape[-1]))
        y = apply(OPS["matmul"], w, moved(columns, 1, 2) if lead else reshaped(x, (*x.shape, 1)))
        y = reshaped(moved(y, 1, 2) if lead else y, (size, *lead, w.shape[1]))
    return apply(OPS["add"], *aligned([y, bias[0]], [flags[0], flags[2]])) if bias else y


def systems(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
    """Linear systems: those with a matrix that all entries share have more right sides, columns of one array."""
    a, b = args
    if flags[0] or a.ndim != 2 or b.ndim != 3:
        return apply(op, *aligned(args, flags), **attrs)
    columns = reshaped(moved(b, 0, 1), (b.shape[1], size * b.shape[2]))
    found = reshaped(apply(op, a, columns, **attrs), (b.shape[1], size, b.shape[2]))
    return moved(found, 1, 0)


def spectra(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
    """Functions of matrices with a tolerance behind them, which is one number for all."""
    count = 1 + (op.name == "least_squares")
    if any(flags[count:]) or any(getattr(t, "ndim", 0) for t in args[count:]):
        return NotImplemented
    given = aligned(every(args[:count], flags[:count], size), [True] * count)
    return apply(op, *given, *args[count:], **attrs)


# ---------------------------------------------------------------------------------------- index arrays


def _spread(source: int, target: int, count: int, x: Any) -> Any:
    """x with ``count`` neighbouring axes moved to another place."""
    axes = [i for i in range(x.ndim) if not source <= i < source + count]
    axes[target:target] = range(source, source + count)
    return x if axes == sorted(axes) else apply(OPS["permute_dims"], x, axes=tuple(axes))


def indexed(first: int) -> Way:
    """Integer arrays, from operand ``first`` on, name places along consecutive axes from ``axis`` on."""

    def way(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
        axis, index = attrs["axis"], args[first:]
        if not any(flags[first:]):
            return apply(op, *every(args[:first], flags[:first], size), *index, axis=axis + 1)
        index = every(index, flags[first:], size)
        if not any(flags[:first]) and first == 1:  # all look up places of one array
            return moved(apply(op, args[0], *index, axis=axis), axis, 0)
        shape = index[0].shape
        line = apply(OPS["iota"], shape=(size, *(1,) * (len(shape) - 1)), axis=0, dtype=DEFAULT_INT)
        rows = apply(OPS["broadcast_to"], line, shape=shape)
        given = every(args[:first], flags[:first], size)
        # The axes before those that are indexed go behind them: the batch counts as the first that is.
        widths = [len(index), len(shape) - 1]
        given = [_spread(axis + 1, 1, n, x) for x, n in zip(given, widths, strict=False)]
        found = apply(op, *given, rows, *index, axis=0)
        return _spread(1, axis + 1, widths[0] if first == 2 else widths[1], found)

    return way


# ---------------------------------------------------------------------------------------- samples and channels


def _joined(x: Any, axis: int) -> Any:
    """The batch before the entries of another axis (counted without the batch), as one axis."""
    x = moved(x, 0, axis) if axis else x
    return reshaped(x, (*x.shape[:axis], x.shape[axis] * x.shape[axis + 1], *x.shape[axis + 2 :]))


def _parted(y: Any, axis: int, size: Size) -> Any:
    """The batch taken out of an axis again."""
    n = y.shape[axis] // size
    y = reshaped(y, (*y.shape[:axis], size, n, *y.shape[axis + 1 :]))
    return moved(y, axis, 0) if axis else y


def samples(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
    """Convolutions [samples, channels, ...]: with a shared weight more samples, with a weight for each more groups."""
    x, w, *bias = args
    alike = not any(flags[1:])
    if not flags[1]:
        n = x.shape[1] if flags[0] else x.shape[0]
        y = apply(op, _joined(x, 0) if flags[0] else x, w, *(bias if alike else ()), **attrs)
        y = reshaped(y, (size, n, *y.shape[1:])) if flags[0] else repeated(y, size)
    elif not isinstance(size, int):
        return NotImplemented  # groups are a number in the text of a kernel
    else:
        x, w = every([x, w], flags[:2], size)
        y = apply(op, _joined(x, 1), _joined(w, 0), **{**attrs, "groups": attrs["groups"] * size})
        y = _parted(y, 1, size)
    if not bias or alike:
        return y
    lead = bias[0].shape if flags[2] else (1, *bias[0].shape)
    return apply(OPS["add"], y, reshaped(bias[0], (lead[0], 1, lead[1], *(1,) * (y.ndim - 3))))


def weights(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
    """The slope of a convolution by its weight: for each entry one, so that entries are groups of channels."""
    if not isinstance(size, int):
        return NotImplemented
    pair = [_joined(a, 1) for a in every(args, flags, size)]
    y = apply(op, *pair, **{**attrs, "groups": attrs["groups"] * size})
    return reshaped(y, (size, y.shape[0] // size, *y.shape[1:]))


def rows(op: Op, size: Size, args: list[Any], flags: Flags, attrs: Attrs) -> Any:
    """The last axis but one of every operand and of the result counts rows that do not know of each other."""
    given = [_joined(a, a.ndim - 3) for a in every(args, flags, size)]
    found = apply(op, *given, **attrs)
    return _parted(found, found.ndim - 2, size)


WAYS: dict[str, Way] = {
    "products": products,
    "linear": linear,
    "systems": systems,
    "spectra": spectra,
    "gather": indexed(1),
    "scatter": indexed(2),
    "samples": samples,
    "weights": weights,
    "rows": rows,
}
