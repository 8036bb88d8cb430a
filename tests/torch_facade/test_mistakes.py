"""What a program in PyTorch's spelling is told when it is wrong: the same in both modes, at its own lines."""

from __future__ import annotations

import pytest

import tapegraph.torch as torch
from engine import landing
from engine.errors import TapegraphError

nn = torch.nn
F = nn.functional
LINEAR, CONV = nn.Linear(7, 2), nn.Conv2d(3, 4, 3)
NET = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(4, 2))


def written(x, w, i):
    y = x.clone()
    y[i] = 0
    return y


def added(x, w, i):
    y = x.clone()
    y += w
    return y


def added_in_place(x, w, i):
    y = x * 2
    return y.add_(w)


MISTAKES = [
    lambda x, w, i: x @ w,
    lambda x, w, i: x + w,
    lambda x, w, i: torch.matmul(x, w),
    lambda x, w, i: x.view(5, 5),
    lambda x, w, i: torch.cat([x, w]),
    lambda x, w, i: x[i],
    lambda x, w, i: torch.index_select(x, 0, i),
    lambda x, w, i: F.cross_entropy(x[:2], i),
    lambda x, w, i: F.mse_loss(x, w),
    lambda x, w, i: LINEAR(x),
    lambda x, w, i: NET(x),
    lambda x, w, i: CONV(x[None, None]),
    lambda x, w, i: x.sum(dim=5),
    lambda x, w, i: i // (i * 0),
    lambda x, w, i: torch.linalg.inv(x[:, :3] * 0),
    lambda x, w, i: x.sum().backward(),
    written,
    added,
    added_in_place,
]


@pytest.mark.parametrize("number", range(len(MISTAKES)))
def test_both_modes_say_the_same_at_the_user_s_lines(number):
    program = MISTAKES[number]
    x, w, i = torch.ones(3, 4), torch.ones(5, 6), torch.tensor([0, 7])
    said = []
    for call in (program, torch.compile(program)):
        with pytest.raises(TapegraphError) as caught:
            call(x, w, i)
        said.append((type(caught.value), str(caught.value), caught.value.place))
        files = {e.tb_frame.f_code.co_filename for e in landing.entries(caught.value)}
        assert files == {__file__}, files
    assert said[0] == said[1]
