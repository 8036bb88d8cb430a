"""What a wrong program is told: the same sentence, address and fix in both modes."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn

F = nn.functional
NET = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(4, 2))


def three(dtype="float32"):
    return tg.ones((3,), dtype=dtype)


# program, op, part of the sentence, guilty expression
WRONG = [
    (lambda x: NET(x), "linear", "takes 4 features, its input has 8", "NET(x)"),
    (lambda x: x + three(), "add", r"\(3, 4\) and \(3,\) do not fit", "x + three()"),
    (lambda x: F.mse_loss(x, three()), "mse_loss", "same shape", "F.mse_loss(x, three())"),
    (lambda x: tg.sum(x, axis=2), "sum", "axis 2 is outside", "tg.sum(x, axis=2)"),
    (lambda x: x @ x, "matmul", "columns of the first, 4, against rows of the second, 3", "x @ x"),
    (lambda x: F.cross_entropy(x, three()), "cross_entropy", "classes are integers", "F.cross_entropy(x, three())"),
    (lambda x: tg.exp(x.astype("float16")), "exp", "not float16", 'tg.exp(x.astype("float16"))'),
    (lambda x: x[5], "getitem", "5, where the axis has size 3", "x[5]"),
    (lambda x: x.reshape(5, -1), "reshape", "12 elements", "x.reshape(5, -1)"),
    (lambda x: three("int64") // 0, "floor_divide", "divided by zero", 'three("int64") // 0'),
    (lambda x: tg.concat([x, three()]), "concat", "shapes differ", "tg.concat([x, three()])"),
    (lambda x: tg.where(x, 1.0, 0.0), "where", "must be bool, not float32", "tg.where(x, 1.0, 0.0)"),
]


@pytest.mark.parametrize("program, op, sentence, expression", WRONG, ids=[w[1] for w in WRONG])
def test_both_modes_say_the_same(program, op, sentence, expression):
    x = tg.asarray(np.ones((3, 4), "f4"))
    said = []
    for run in (program, tg.compile(program)):
        with pytest.raises(tg.errors.TapegraphError, match=sentence) as caught:
            run(x)
        error = caught.value
        assert error.op == op and error.place.file == __file__ and error.place.expression == expression
        said.append(str(error))
    assert said[0] == said[1]
