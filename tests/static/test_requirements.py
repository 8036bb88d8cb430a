"""What ops require of sizes is checked in every call: the same error as in eager mode, however the call was compiled."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn

F = nn.functional

PROGRAMS = {
    "conv": (lambda x: F.conv1d(x, tg.ones((2, 2, 5))), 3),
    "pool": (lambda x: F.max_pool1d(x, 4), 2),
    "padded pool": (lambda x: F.avg_pool1d(x, 6, padding=1), 2),
    "reflect": (lambda x: tg.pad(x, ((0, 0), (0, 0), (3, 3)), mode="reflect"), 3),
    "adaptive": (lambda x: F.adaptive_avg_pool1d(x, 2), 0),
}


def mistake(run):
    with pytest.raises(tg.errors.ShapeError) as caught:
        run()
    return caught.value


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_size_too_small_for_an_op_is_the_same_mistake_in_every_mode(name):
    body, small = PROGRAMS[name]
    x = {n: tg.asarray(np.ones((3, 2, n), "f4")) for n in (small, 8, 9)}
    eager = mistake(lambda: body(x[small]))
    step = tg.compile(lambda x: body(x) * 2)
    step(x[8])
    step(x[9])
    assert "1 version compiled" in step.explain()
    found = mistake(lambda: step(x[small]))
    assert found.problem == eager.problem and found.op == eager.op and found.specs == eager.specs
    assert (found.place.file, found.place.line) == (eager.place.file, eager.place.line)

    with tg.static() as g:
        given = g.input("x", shape=("batch", 2, "length"))
        result = body(given)
    compiled = g.compile(result)
    assert compiled(x[8]).shape == body(x[8]).shape
    found = mistake(lambda: compiled(x[small]))
    assert found.problem == eager.problem and found.op == eager.op
    assert (found.place.file, found.place.line) == (eager.place.file, eager.place.line)
