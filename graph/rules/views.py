"""Laws of views: two make one, idle ones go, and elementwise ops are computed below them, on fewer or untransposed elements."""

from __future__ import annotations

from typing import Any

from engine.op import OPS, Trait, apply
from engine.record import Record
from engine.sizes import same, same_shape
from engine.spec import broadcast
from graph.pattern import Attr, computed, ops
from graph.rulebook import Rulebook, handles

views = Rulebook("views")
rule, generic = views.rule, views.generic
RESHAPE, PERMUTE, BROADCAST = OPS["reshape"], OPS["permute_dims"], OPS["broadcast_to"]

# ------------------------------------------------------------------------------------------ views of views


@rule("bitwise")
def reshape_twice(x, s: Attr, t: Attr):
    """reshape(reshape(x, s), t) = reshape(x, t)"""
    return ops.reshape(ops.reshape(x, shape=s), shape=t), ops.reshape(x, shape=t)


@rule("bitwise", where=lambda x, s: same_shape(x.shape, s) or "it changes the shape")
def reshape_idle(x, s: Attr):
    """reshape(x, its own shape) = x"""
    return ops.reshape(x, shape=s), x


@rule("bitwise")
def permute_twice(x, p: Attr, q: Attr):
    """permute(permute(x, p), q) = permute(x, p[q])"""
    right = ops.permute_dims(x, axes=computed(lambda p, q: tuple(p[i] for i in q)))
    return ops.permute_dims(ops.permute_dims(x, axes=p), axes=q), right


@rule("bitwise", where=lambda p: p == tuple(range(len(p))) or "it moves axes")
def permute_idle(x, p: Attr):
    """permute(x, the axes as they are) = x"""
    return ops.permute_dims(x, axes=p), x


def _moves_only_ones(x, p) -> Any:
    long = [a for a in p if not same(x.shape[a], 1)]
    return long == sorted(long) or "it moves axes longer than 1"


@rule("bitwise", where=_moves_only_ones)
def permute_of_ones(x, p: Attr):
    """permute(x) = reshape(x) where only axes of size 1 move"""
    return ops.permute_dims(x, axes=p), ops.reshape(x, shape=computed(lambda out: out.shape))


@rule("bitwise")
def broadcast_twice(x, s: Attr, t: Attr):
    """broadcast(broadcast(x, s), t) = broadcast(x, t)"""
    return ops.broadcast_to(ops.broadcast_to(x, shape=s), shape=t), ops.broadcast_to(x, shape=t)


@rule("bitwise", where=lambda x, s: same_shape(x.shape, s) or "it changes the shape")
def broadcast_idle(x, s: Attr):
    """broadcast(x, its own shape) = x"""
    return ops.broadcast_to(x, shape=s), x


@rule("bitwise", where=lambda x, s: leading_ones(x.shape, s) or "the reshape does more than add axes in front")
def broadcast_of_reshape(x, s: Attr, t: Attr):
    """broadcast(reshape(x, (1, .., 1, *x.shape)), t) = broadcast(x, t)"""
    return ops.broadcast_to(ops.reshape(x, shape=s), shape=t), ops.broadcast_to(x, shape=t)


def leading_ones(short: Any, long: Any) -> bool:
    """Whether ``long`` is ``short`` with axes of size 1 in front."""
    lead = len(long) - len(short)
    return lead >= 0 and all(same(n, 1) for n in long[:lead]) and same_shape(long[lead:], short)


@generic("bitwise", [RESHAPE, PERMUTE], over=[BROADCAST])
def move_of_one_value(record: Record) -> Any:
    """reshape or permute(broadcast(one element)) = broadcast(that element)"""
    wide = record.args[0]
    if wide.op is not BROADCAST:
        return f"its operand is {wide.op.name}, not broadcast_to"
    (x,) = wide.args
    if not all(same(n, 1) for n in x.shape):
        return "the broadcast repeats more than one element"
    return ops.broadcast_to(ops.reshape(handles(wide)[0], shape=()), shape=record.shape)


def _whole(x, a, s, k) -> Any:
    whole = same_shape(x.shape, s) and all(same(i, 0) for i in a) and all(i == 1 for i in k)
    return whole or "it takes a part"


@rule("bitwise", where=_whole)
def slice_idle(x, a: Attr, s: Attr, k: Attr):
    """x[:] = x"""
    return OPS["slice"](x, starts=a, sizes=s, steps=k), x


@rule("bitwise")
def slice_twice(x, a: Attr, s: Attr, k: Attr, b: Attr, t: Attr, m: Attr):
    """x[a::k][b::m] = x[a + k b :: k m]"""
    right = OPS["slice"](
        x,
        starts=computed(lambda a, k, b: tuple(i + j * n for i, j, n in zip(a, k, b, strict=True))),
        sizes=t,
        steps=computed(lambda k, m: tuple(i * j for i, j in zip(k, m, strict=True))),
    )
    return OPS["slice"](OPS["slice"](x, starts=a, sizes=s, steps=k), starts=b, sizes=t, steps=m), right


# ------------------------------------------------------------------------------------------ views and elementwise ops


@generic("bitwise", Trait.ELEMENTWISE, over=[BROADCAST])
def broadcast_outwards(record: Record) -> Any:
    """f(broadcast(x), y) = f(x, y), broadcast where y does not have the whole shape"""
    if not any(a.op is BROADCAST for a in record.args):
        return "no operand is a broadcast"
    bare = [a.args[0] if a.op is BROADCAST else a for a in record.args]
    hs = [handles(a)[0] if a.op is BROADCAST else h for a, h in zip(record.args, handles(record), strict=True)]
    made = apply(record.op, *hs, **record.attrs)
    return (
        made
        if same_shape(broadcast(*(a.shape for a in bare)), record.shape)
        else ops.broadcast_to(made, shape=record.shape)
    )


@generic("bitwise", Trait.ELEMENTWISE, over=[RESHAPE])
def leading_axes_implied(record: Record) -> Any:
    """f(reshape(x, (1, .., 1, *x.shape)), y) = f(x, y) where y has the whole shape"""
    slim = [_without_leading_ones(a) for a in record.args]
    if all(a is b for a, b in zip(slim, record.args, strict=True)):
        return "no operand is a reshape that adds axes in front"
    if not same_shape(broadcast(*(a.shape for a in slim)), record.shape):
        return "the axes in front come from this operand alone"
    hs = [h if a is b else handles(a)[0] for a, b, h in zip(record.args, slim, handles(record), strict=True)]
    return apply(record.op, *hs, **record.attrs)


def _without_leading_ones(a: Record) -> Record:
    return a.args[0] if a.op is RESHAPE and leading_ones(a.args[0].shape, a.shape) else a


@generic("bitwise", Trait.ELEMENTWISE, over=[RESHAPE])
def reshape_outwards(record: Record) -> Any:
    """f(reshape(x, s), reshape(y, s), c) = reshape(f(x, y, c), s) where x and y have one shape"""
    moved = _alike(record, RESHAPE)
    if isinstance(moved, str):
        return moved
    inner = [a.args[0].shape for a in record.args if a.op is RESHAPE]
    if any(not same_shape(inner[0], s) for s in inner):
        return "what is reshaped has different shapes"
    if _long(inner[0]) == _long(record.shape):
        return "the reshape only adds or drops axes of size 1, and stays where a reduction left it"
    return ops.reshape(apply(record.op, *moved, **record.attrs), shape=record.shape)


def _long(shape: Any) -> list[str]:
    return [str(n) for n in shape if not same(n, 1)]


@generic("bitwise", Trait.ELEMENTWISE, over=[PERMUTE])
def permute_outwards(record: Record) -> Any:
    """f(permute(x, p), permute(y, p), c) = permute(f(x, y, c), p)"""
    moved = _alike(record, PERMUTE)
    if isinstance(moved, str):
        return moved
    orders = {a.attrs["axes"] for a in record.args if a.op is PERMUTE}
    if len(orders) > 1:
        return "the operands are permuted in different ways"
    return ops.permute_dims(apply(record.op, *moved, **record.attrs), axes=orders.pop())


def _alike(record: Record, view: Any) -> Any:
    """The operands without the view that each of them is (or has no axes), or the reason why not."""
    if not any(a.op is view for a in record.args):
        return f"no operand is {view.name}"
    for a in record.args:
        if a.shape and (a.op is not view or not same_shape(a.shape, record.shape)):
            return f"operand {a.op.name} is not {view.name} of the whole shape"
    # An operand without axes may be a view too: of one element with axes.
    if any(a.op is view and not a.shape for a in record.args) and record.shape:
        return "an operand without axes is a view"
    return [handles(a)[0] if a.op is view else h for a, h in zip(record.args, handles(record), strict=True)]
