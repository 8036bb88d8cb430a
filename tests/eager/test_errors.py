"""Mistakes in a user's script: each is told with op, operands, shapes, the user's underlined expression and a fix."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

import tapegraph as tg
from engine import errors
from engine.makers import COMPOSITES
from engine.op import OPS, Sample

ROW, WIDE, WHOLE = tg.ones((2, 3)), tg.ones((2, 4)), tg.tensor([1, 2])

# (the call, the error, what its text must say)
MISTAKES = [
    (lambda: ROW + WIDE, errors.ShapeError, ["add: ", "ROW: float32[2, 3]", "WIDE: float32[2, 4]", "fix: "]),
    (lambda: ROW @ WIDE, errors.ShapeError, ["matmul: ", "WIDE: float32[2, 4]", "fix: ", ".mT"]),
    (lambda: tg.matmul(ROW, WIDE), errors.ShapeError, ["matmul: ", "ROW: float32[2, 3]", ".mT"]),
    (lambda: tg.linear(ROW, WIDE), errors.ShapeError, ["linear: ", "4 features", "fix: "]),
    (lambda: tg.mse_loss(ROW, WIDE), errors.ShapeError, ["mse_loss: ", "fix: "]),
    (lambda: tg.cross_entropy(ROW, tg.tensor([0, 7])), errors.IndexRangeError, ["out of range", "fix: "]),
    (lambda: ROW.reshape(4, 2), errors.ShapeError, ["reshape: ", "6 elements"]),
    (lambda: ROW.sum(axis=2), errors.AxisError, ["sum: ", "axis 2", "fix: use an axis from -2 to 1"]),
    (lambda: ROW[5], errors.IndexRangeError, ["getitem: ", "out of range: 5", "fix: "]),
    (lambda: ROW[np.array([5])], errors.IndexRangeError, ["out of range", "fix: "]),
    (lambda: ROW[ROW[0] > 0], errors.IndexRangeError, ["getitem: ", "does not cover axes of sizes (2,)", "fix: "]),
    (lambda: WHOLE & ROW, errors.DTypeError, ["bitwise_and: ", "WHOLE: int64[2]", "ROW: float32[2, 3]"]),
    (lambda: WHOLE // (WHOLE - 1), errors.IntegerDivisionError, ["floor_divide: ", "WHOLE: int64[2]", "fix: "]),
    (lambda: WHOLE**-1, errors.ArgumentError, ["pow: ", "negative power", "fix: "]),
    (lambda: tg.tensor([1], dtype="uint8") + 300, errors.DTypeError, ["300 does not fit into uint8", "fix: "]),
    (lambda: tg.where(ROW, 1.0, 2.0), errors.DTypeError, ["where: ", "bool", "fix: "]),
    (lambda: tg.exp(ROW.astype("float16")), errors.DTypeError, ["exp: ", "astype('float32')"]),
    (lambda: tg.concat([ROW, WIDE]), errors.ShapeError, ["concat: ", "float32[2, 4]"]),
    (lambda: tg.add(ROW), errors.ArgumentError, ["add: takes 2 operands, not 1"]),
    (lambda: tg.sin(), errors.ArgumentError, ["sin: takes 1 operand, not 0"]),
    (lambda: bool(ROW), errors.ArgumentError, ["bool: ", "ROW: float32[2, 3]", "any()"]),
    (lambda: ROW.backward(), errors.GradientError, ["backward: ", "requires_grad=True"]),
    (lambda: WHOLE.requires_grad_(), errors.DTypeError, ["requires_grad_: ", "int64", "fix: "]),
    (lambda: tg.grad(lambda x: x.sum())(WHOLE), errors.DTypeError, ["int64", "astype('float32')"]),
    (lambda: tg.State([1.0]).assign([1.0, 2.0]), errors.ShapeError, ["assign: ", "float32[2]"]),
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_a_mistake_is_told_with_its_address(number):
    call, kind, words = MISTAKES[number]
    with pytest.raises(kind) as caught:
        call()
    text = str(caught.value)
    for word in words:
        assert word in text, text
    place = caught.value.place
    assert place.file == __file__ and f"at {place.address}, in " in text, text
    lines = inspect.getsource(call).splitlines()
    assert place.expression in lines[0] and place.expression.count("(") <= 4, place


def _wrong_samples():
    for table in (OPS, COMPOSITES):
        for name, entry in table.items():
            function = entry.public if table is OPS else entry.function
            for dtype in ("float32", "int64"):
                if np.dtype(dtype) in entry.accepts and entry.errors:
                    for i, s in enumerate(entry.errors(np.random.default_rng(0), np.dtype(dtype))):
                        yield pytest.param(function, s, id=f"{name}-{dtype}-{i}")


@pytest.mark.parametrize("function, sample", list(_wrong_samples()))
def test_every_error_sample_names_the_user_s_line(function, sample: Sample):
    with pytest.raises(sample.error) as caught:
        function(*sample.args, **sample.attrs)  # the user's line
    assert isinstance(caught.value, errors.TapegraphError)
    place = caught.value.place
    assert place.file == __file__ and place.expression == "function(*sample.args, **sample.attrs)"
    assert caught.value.op and f": {place.expression}" in str(caught.value)


def test_a_mistake_deep_in_a_module_points_at_the_user_s_frame():
    nn = pytest.importorskip("tapegraph.nn")
    layer = nn.Linear(4, 2)
    with pytest.raises(errors.ShapeError) as caught:
        layer(ROW)
    assert caught.value.place.expression == "layer(ROW)"


def test_an_error_in_the_backward_pass_shows_the_forward_line():
    x = tg.tensor([1.0, 2.0], requires_grad=True)
    y = tg.exp(x)  # forward
    (record,) = [y._record]
    record.value = None
    with pytest.raises(errors.GradientError) as caught:
        y.backward(tg.ones((2,)))
    assert caught.value.place.expression == "tg.exp(x)" and "(backward of exp)" in str(caught.value)


def test_no_error_hangs_on_another():
    with pytest.raises(errors.ShapeError) as caught:
        ROW + WIDE
    assert caught.value.__cause__ is None and (caught.value.__suppress_context__ or caught.value.__context__ is None)
