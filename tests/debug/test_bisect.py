"""bisect finds planted faults and nothing where there are none; a first call checks itself and raises no false alarm."""

from __future__ import annotations

import numpy as np
import pytest

import tapegraph as tg
from engine.notices import MismatchWarning
from tapegraph import nn, optim
from tapegraph.debug.bisection import bisect
from tapegraph.debug.faults import FAULTS, planted
from tapegraph.nn import functional as F
from tests.debug.fault_programs import PROGRAMS
from tests.debug.faults import found

FEW = ("wrong_constant", "one_in_a_thousand", "one_too_early", "overwritten_too_early", "forgotten_reader")


def trained(seed=0):
    tg.manual_seed(seed)
    model = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, 3))
    optimizer = optim.AdamW(model.parameters(), lr=0.1)

    @tg.function
    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    rng = np.random.default_rng(seed)
    return model, step, (rng.random((5, 6), np.float32), np.arange(5) % 3)


def doubled(x):
    third = x / 3.0
    return tg.sum(tg.tanh(third) * 2)


X = np.linspace(0.1, 2, 12, dtype=np.float32).reshape(3, 4)


def test_every_fault_has_a_program():
    with planted("lost_sign"):
        assert set(FAULTS) == set(PROGRAMS)
    assert len(FAULTS) >= 30


@pytest.mark.parametrize("name", FEW)
def test_a_fault_is_named(name):
    (one,) = found([name])
    assert one.node and one.guilty, str(one.result)


@pytest.mark.slow
def test_faults_are_named():
    every = list(found())
    assert len(every) >= 30
    assert sum(one.node for one in every) >= len(every) - 1, [one.name for one in every if not one.node]
    assert sum(one.guilty for one in every) >= len(every) - 3, [one.name for one in every if not one.guilty]


def test_no_difference_and_everything_as_it_was():
    model, step, batch = trained()
    before = {k: np.array(v) for k, v in model.state_dict().items()}
    result = bisect(step, *batch)
    assert not result and "no difference" in str(result) and len(result.stages) == 2
    assert all(np.array_equal(before[k], np.asarray(v)) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


def test_a_kernel_may_use_the_place_of_its_result_for_a_value_of_its_own():
    def chained(x):
        return tg.softmax(tg.log(x * 2) @ tg.ones((3, 3)))

    def slopes(x):
        return tg.grad(lambda x: F.layer_norm(tg.softmax(x, axis=0), (3,)).max())(x)

    x = np.random.default_rng(0).uniform(0.5, 2, (40, 3)).astype(np.float32)
    for function in (chained, slopes, lambda x: F.log_softmax(x * 2, axis=-1)):
        assert not bisect(function, x)


def test_the_report_names_line_and_rule():
    with planted("wrong_constant"):
        result = bisect(doubled, X)
    assert result.line == doubled.__code__.co_firstlineno + 1
    assert "x / 3.0" in str(result) and "rule over_constant (phase strength)" in str(result)
    assert "over_constant" in result._repr_html_()


def test_a_replay_is_saved(tmp_path):
    path = str(tmp_path / "found.replay")
    with planted("wrong_constant"):
        result = bisect(doubled, X, save=path)
    assert result.saved == path and path in str(result)
    assert "tanh" in str(tg.debug.load_replay(path))


def test_inside_a_loop_the_step_is_named():
    def recurrent(weight, xs):
        return tg.scan(lambda h, x: (tg.tanh(h @ weight + x), h), tg.zeros(xs.shape[1:]), xs)[0]

    with planted("one_in_a_thousand"):
        result = bisect(recurrent, np.eye(4, dtype=np.float32), np.ones((3, 2, 4), np.float32))
    assert result.difference.record.op.name == "tanh" and result.difference.path == ["step 0 of the scan"]


def test_the_backward_pass_is_compared_too():
    with planted("turned_round"):
        result = bisect(tg.grad(lambda x: tg.sum(tg.log(x) * x)), X)
        assert not result
        result = bisect(tg.grad(lambda x: tg.sum(tg.sigmoid(x))), X)
    assert "backward of sigmoid" in str(result)


# ------------------------------------------------------------------------------------ the check of a first call


def test_a_first_call_warns_at_the_users_line():
    with planted("wrong_constant"), pytest.warns(MismatchWarning, match="over_constant") as caught:
        tg.compile(doubled)(X)
    assert caught[0].lineno == doubled.__code__.co_firstlineno + 1


def test_at_level_checked_it_is_an_error_and_no_state_has_changed():
    model, step, batch = trained(1)
    before = {k: np.array(v) for k, v in model.state_dict().items()}
    with planted("turned_round"), tg.mode("static"), tg.debug.level("checked"), pytest.raises(MismatchWarning):
        step(*batch)
    assert all(np.array_equal(before[k], np.asarray(v)) for k, v in model.state_dict().items())


def test_at_level_off_nothing_is_checked(recwarn):
    with planted("wrong_constant"), tg.debug.level("off"):
        compiled = tg.compile(doubled)
        compiled(X)
    assert not recwarn.list


def test_explain_says_what_came_of_it():
    compiled = tg.compile(doubled)
    compiled(X)
    assert "self-check: the first call agrees" in compiled.explain()


def test_chaos_is_no_alarm(recwarn):
    """Differences of rounding, enlarged until results have nothing in common, are nobody's mistake."""

    def chaotic(x):
        for _ in range(60):
            x = 3.99 * x * (1 - tg.sigmoid(tg.log(x / (1 - x))))
        return x

    compiled = tg.compile(chaotic)
    compiled(np.linspace(0.1, 0.9, 64, dtype=np.float32))
    assert not [w for w in recwarn.list if issubclass(w.category, MismatchWarning)]
    assert not bisect(chaotic, np.linspace(0.1, 0.9, 64, dtype=np.float32)).difference


def test_rounding_that_an_optimizer_enlarges_starts_no_inquiry(monkeypatch):
    """Adam's first step is as long for a gradient that is rounding error as for any other."""
    monkeypatch.setattr("tapegraph.selfcheck.examined", lambda *given: pytest.fail("an inquiry"))
    tg.manual_seed(0)
    weight, shift = (
        tg.Parameter(np.linspace(-1, 1, 64, dtype=np.float32).reshape(8, 8)),
        tg.Parameter(np.zeros((), "f")),
    )
    optimizer = optim.Adam([weight, shift], lr=0.1)

    @tg.function
    def step(x):
        scores = x @ weight
        loss = tg.sum(tg.softmax(scores + shift, axis=-1) * scores)  # softmax does not see the shift
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    with tg.mode("static"):
        step(np.random.default_rng(0).standard_normal((16, 8)).astype(np.float32))
