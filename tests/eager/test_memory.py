"""What the tape holds: no gradient rule looks at more than its op's ``keeps`` says, and nothing else stays alive."""

from __future__ import annotations

import gc
import weakref

import numpy as np
import pytest

import tapegraph as tg
from engine.errors import GradientError
from engine.makers import COMPOSITES
from engine.op import OPS, Sample
from engine.record import Record

FLOAT = np.dtype("float32")


def _samples(op):
    """Samples of an op's own, or points of its domain for one on matching elements."""
    rng = np.random.default_rng(5)
    if op.samples is not None:
        return list(op.samples(rng, FLOAT))
    arity = op.arity
    if arity is None:
        return []
    domain = op.domain or ((0.5, 1.5),) * arity
    data = [rng.uniform(*d, (2, 3)).astype(FLOAT) for d in domain]
    if op.name == "where":
        data[0] = data[0] > 1
    return [Sample(tuple(data)), Sample((*data[:-1], data[-1][0]))]


def _leaves(args):
    """The arguments with each float array as a leaf of its own, nested lists included, and those leaves."""
    found = []

    def make(a):
        if isinstance(a, np.ndarray) and a.dtype == FLOAT:
            found.append(tg.tensor(a).requires_grad_())
            return found[-1]
        return [make(v) for v in a] if isinstance(a, list) else a

    return tuple(make(a) for a in args), found


def _forget(record: Record) -> None:
    """Drop every value on the tape that no op has asked to keep."""
    stack, seen, kept = [record], {record}, {record} if record.op.keeps_y else set()
    while stack:
        current = stack.pop()
        for a in current.args:
            if type(a) is Record:
                if current.op.keeps_x or a.op.keeps_y:
                    kept.add(a)
                if a not in seen:
                    seen.add(a)
                    stack.append(a)
    for each in seen:
        assert (each.value is None) == (each not in kept), each
        assert len([a for a in each.args if a is None]) == 0 or each.op.shapeless


@pytest.mark.parametrize("name", [n for n, op in OPS.items() if op.vjp and FLOAT in op.accepts])
def test_no_rule_looks_at_what_its_op_does_not_keep(name):
    op = OPS[name]
    tried = 0
    for sample in _samples(op):
        args, leaves = _leaves(sample.args)
        # All operands are tracked, then each alone: the others are then kept as arrays, or not at all.
        for chosen in [None, *range(len(leaves))]:
            for i, leaf in enumerate(leaves):
                leaf.requires_grad_(chosen is None or chosen == i)
            # The sample of astype names the attribute of the op; its public function takes it by position.
            results = (op if name == "astype" else op.public)(*args, **sample.attrs)
            for y in results if isinstance(results, list | tuple) else [results]:
                if y.requires_grad:
                    _forget(y._record)
                    y.backward(tg.ones(y.shape, dtype=y.dtype))
                    tried += 1
    if op.samples is not None or op.arity is not None:
        assert tried or name in ("stop_gradient",), "no sample reached a gradient rule"


@pytest.mark.parametrize("name", sorted(COMPOSITES))
def test_no_rule_under_a_composite_looks_too_far(name):
    found = COMPOSITES[name]
    if found.samples is None or FLOAT not in found.accepts:
        pytest.skip("has no samples with floats")
    for sample in found.samples(np.random.default_rng(5), FLOAT):
        args, _ = _leaves(sample.args)
        if name in ("batch_norm", "instance_norm"):  # running statistics change, which a leaf must not
            args = (args[0], *(tg.asarray(a) if isinstance(a, np.ndarray) else a for a in sample.args[1:]))
        y = found.function(*args, **sample.attrs)
        if isinstance(y, tg.Tensor) and y.requires_grad:
            y.backward(tg.ones(y.shape, dtype=y.dtype))


@pytest.mark.parametrize("name", ["gather", "add_at", "index_set", "slice", "slice_set", "mark"])
def test_rules_of_inner_ops(name):
    x = tg.tensor(np.arange(12.0, dtype=FLOAT).reshape(3, 4), requires_grad=True)
    rows = tg.asarray(np.array([2, 0]))
    v = tg.ones((2, 4)).requires_grad_()
    part = {"starts": (0, 1), "sizes": (2, 2), "steps": (2, 1)}
    y = {
        "gather": lambda: OPS["gather"](x, rows, axis=0),
        "add_at": lambda: OPS["add_at"](x, v, rows, axis=0),
        "index_set": lambda: OPS["index_set"](x, v, rows, axis=0),
        "slice": lambda: OPS["slice"](x, **part),
        "slice_set": lambda: OPS["slice_set"](x, v[:, :2], **part),
        "mark": lambda: OPS["mark"](x, tag=1),
    }[name]()
    y.backward(tg.ones(y.shape))
    assert x.grad.shape == x.shape


def test_a_value_that_is_not_kept_says_so():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = (x + 1) + 2
    handle = tg.Tensor(y._record.args[0].value, y._record.args[0])
    assert handle.shape == (2,) and "not kept" in repr(handle)
    for use in (handle.numpy, lambda: handle * 2, lambda: tg.exp(handle), lambda: 1 - handle):
        with pytest.raises(GradientError, match="keeps"):
            use()


def _alive(make):
    """Which of the arrays ``make`` reports are alive once only its result is held."""
    arrays = []

    def note(t):
        arrays.append(weakref.ref(t._value))
        return t

    held = make(note)
    gc.collect()
    return held, [a() is not None for a in arrays]


def test_intermediates_that_no_rule_needs_are_freed():
    x = tg.ones((1000,)).requires_grad_()
    held, alive = _alive(lambda note: note(note(x + 1) + 2).sum())
    assert held.requires_grad and alive == [False, False]
    held, alive = _alive(lambda note: tg.sin(note(x + 1)).sum())
    assert alive == [True]
    held, alive = _alive(lambda note: note(tg.exp(note(x - 1))).sum())
    assert alive == [False, True]


def test_untracked_operands_that_no_rule_needs_are_freed():
    x = tg.ones((1000,)).requires_grad_()
    held, alive = _alive(lambda note: x + note(tg.ones((1000,)) * 2))
    assert alive == [False]
    held, alive = _alive(lambda note: tg.concat([x, note(tg.ones((1000,)) * 2)]))
    assert alive == [False] and held.requires_grad
    held.sum().backward()
    assert x.grad.shape == (1000,)
    held, alive = _alive(lambda note: x * note(tg.ones((1000,)) * 2))
    assert alive == [True]


def test_a_dropped_result_takes_its_tape_along_without_the_collector():
    x = tg.ones((1000,)).requires_grad_()
    gc.disable()
    try:
        y = tg.exp(x)
        value = weakref.ref(y._value)
        z = (y * y).sum()
        z.backward()
        del y, z
        assert value() is None
    finally:
        gc.enable()


def test_a_leaf_s_owner_is_not_kept_alive_by_the_tape():
    x = tg.ones((3,)).requires_grad_()
    owner = weakref.ref(x)
    y = x * 2
    del x
    assert owner() is None
    y.sum().backward()


def test_a_gradient_does_not_hold_the_graph_unless_asked():
    x = tg.ones((3,)).requires_grad_()
    (x * x).sum().backward()
    assert not x.grad.requires_grad
