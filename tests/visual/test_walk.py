"""A walk has a stage for each step, and its last adjoints or tangents are the derivatives."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from tapegraph.visual.strip import strip
from tapegraph.visual.walk import walk


def spring(a, b):
    return tg.sin(a * b) + a * 2.0


def label(scene, stage, node):
    return {n.id: n for n in scene.stages[stage].nodes}[node].label


def test_reverse_mode_visits_each_value_once_and_ends_with_the_gradient():
    scene = walk(spring, 1.0, 2.0)
    assert [len(stage.nodes) for stage in scene.stages] == [2, 3, 4, 5, 6, 7, 9, 10, 11, 12]
    slope_a, slope_b = tg.grad(spring, (0, 1))(np.float64(1), np.float64(2))
    assert label(scene, -1, "da").endswith(f"= {float(slope_a):.4g}")
    assert label(scene, -1, "db").endswith(f"= {float(slope_b):.4g}")
    assert label(scene, 7, "da") == "dv4/da\n= 2"  # only one of its two users has passed on
    visited = [stage.firings[0].right[0] for stage in scene.stages[6:]]
    assert visited == ["v4", "v3", "v2", "v1"]
    assert scene.stages[-1].caption == "v1 passes on its -0.4161: -0.8323 to a, -0.4161 to b"


def test_forward_mode_carries_tangents_along_one_argument():
    scene = walk(spring, 1.0, 2.0, mode="forward", along=1)
    assert len(scene.stages) == 5
    assert label(scene, 0, "a").endswith("tangent 0") and label(scene, 0, "b").endswith("tangent 1")
    slope = float(tg.grad(spring, 1)(np.float64(1), np.float64(2)))
    assert label(scene, -1, "v4").endswith(f"tangent {slope:.4g}")


def test_arrays_are_shown_by_their_first_elements():
    scene = walk(lambda x: tg.sum(tg.square(x)), [1.0, 2.0, 3.0, 4.0])
    assert label(scene, 0, "x") == "x\n= [1 2 3 …]"
    assert label(scene, -1, "dx").endswith("= [2 4 6 …]")


def test_what_cannot_be_walked_is_told():
    with pytest.raises(tg.errors.ArgumentError, match="one element"):
        walk(lambda x: x * 2.0, [1.0, 2.0])
    with pytest.raises(tg.errors.ArgumentError, match="depends on the arguments"):
        walk(lambda x: tg.ones(()), 1.0)
    with pytest.raises(tg.errors.ArgumentError, match="'forward'"):
        walk(spring, 1.0, 2.0, mode="sideways")
    with pytest.raises(tg.errors.ArgumentError, match="no argument number 2"):
        walk(spring, 1.0, 2.0, mode="forward", along=2)


def test_a_gradient_of_ones_own_is_walked_through():
    rounded = tg.custom_vjp(tg.round)
    rounded.defvjp(lambda x: (tg.round(x), ()), lambda residuals, g: (g,))
    scene = walk(lambda x: tg.square(rounded(x)), 1.7)
    assert label(scene, -1, "dx") == "dv3/dx\n= 4"
    assert scene.stages[-1].caption == "v2 passes on its 4: 4 to x"


def test_values_that_do_not_depend_on_the_arguments_keep_tangents_in_step():
    scene = walk(lambda x: x * tg.exp(tg.ones(())), 3.0, mode="forward")
    assert label(scene, -1, "v1").endswith("tangent 2.718")


def test_a_sheet_shows_every_stage():
    pytest.importorskip("py_mini_racer")
    picture = tg.visualize(walk(spring, 1.0, 2.0), steady=True)
    sheet = strip(picture)
    assert sheet.svg().count("<svg ") == 1 + len(picture.scene.stages)
    assert "9. v1 passes on its -0.4161" in sheet.svg() and "9. v1 passes" in repr(sheet)
    assert strip(picture, stages=[0, -1]).svg().count("<svg ") == 3
