"""tg.compare and what it is made of: equal starts, states put back, where modes part, programs that cannot be traced."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import data, nn, optim
from tapegraph.comparison import digits
from tapegraph.comparison.agreement import Moment, agreement, difference
from tapegraph.comparison.measurement import Measurement, Settings
from tapegraph.comparison.starts import starts_in_processes
from tapegraph.nn import functional as F

ROOT = Path(__file__).parents[1]


def compared(fn, *args, **options):
    """A comparison of times and values alone, as short as can be."""
    return tg.compare(fn, *args, **{"faults": False, "profile": False, "scene": False, "seconds": 0.3, **options})


def small_step(dtype="float32", dropout=0.0):
    tg.manual_seed(1)
    model = nn.Sequential(nn.Linear(4, 8, dtype=dtype), nn.Tanh(), nn.Dropout(dropout), nn.Linear(8, 3, dtype=dtype))
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        loss = F.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def small_batches(count=6, dtype="float32"):
    rng = np.random.default_rng(0)
    return [(rng.random((5, 4)).astype(dtype), rng.integers(0, 3, 5)) for _ in range(count)]


@pytest.mark.parametrize("decorate", [False, True])
def test_both_modes_agree_and_the_states_are_put_back(decorate):
    model, step = small_step()
    before = model.state_dict()
    found = compared(tg.function(step) if decorate else step, batches=small_batches(), epochs=2)
    assert found.ok and found.agreement.calls == 12
    assert 0 <= found.agreement.differences["states"] <= 1e-5 and found.agreement.close
    for name, value in model.state_dict().items():
        np.testing.assert_array_equal(value, before[name])
    assert all(p.grad is None for p in model.parameters())


def test_float64_agrees_to_the_last_digits():
    _, step = small_step("float64")
    found = compared(step, *small_batches(dtype="float64")[0])
    assert found.agreement.largest <= 1e-12


def test_dropout_draws_the_same_masks_in_both_modes():
    _, step = small_step(dropout=0.5)
    assert compared(step, batches=small_batches()).agreement.close


def test_training_moved_the_parameters_that_were_compared():
    model, step = small_step()
    score = []
    before = model.state_dict()["0.weight"]

    def evaluate():
        score.append(float(np.abs(np.array(model.state_dict()["0.weight"]) - before).max()))
        return score[-1]

    found = compared(step, batches=small_batches(), evaluate=evaluate)
    assert len(score) == 2 and min(score) > 1e-3
    assert found.modes["eager"].score == score[0] and found.modes["static"].score == score[1]


def test_arguments_that_the_function_assigns_to_stay_the_callers():
    x = np.ones(4, np.float32)

    def shift(x):
        x[0] = 5.0
        x = x + 1.0
        return x

    assert compared(shift, tg.asarray(x)).ok and compared(shift, x).ok
    assert x.tolist() == [1, 1, 1, 1]


class Trainer:
    def __init__(self):
        tg.manual_seed(2)
        self.layer = nn.Linear(4, 2)

    @tg.function
    def step(self, x):
        return tg.sum(self.layer(x) ** 2)

    def plain(self, x):
        return {"loss": tg.sum(self.layer(x)), "parts": [self.layer(x), None]}


@pytest.mark.parametrize("name", ["step", "plain", "layer"])
def test_methods_modules_and_nests_of_results(name):
    found = compared(getattr(Trainer(), name), np.ones((3, 4), np.float32))
    assert found.ok and found.agreement.close
    assert ("step" in found.title or "plain" in found.title or "Linear" in found.title) and found.function.line > 0


def test_nests_python_values_and_nothing_returned():
    total = tg.State(np.zeros(3, np.float32), name="total")

    def add(given, scale, *, factor=1.0):
        total.assign(total + given["a"] * given["b"][0] * scale * factor)

    found = compared(add, {"a": np.ones(3, np.float32), "b": [tg.asarray(np.ones(3, np.float32))]}, 2.0)
    assert found.ok and "only states and gradients" in found.notes[1]
    assert "results" not in found.agreement.differences and "states" in found.agreement.differences
    assert np.array(total).tolist() == [0, 0, 0]


def test_a_disagreement_names_the_value_and_the_line_and_is_told_loudly():
    model, _ = small_step()

    def step(x):
        wrong = 1.0 if tg.current_mode() == "static" else 0.0
        model[0].bias.assign(model[0].bias + tg.mean(x) * 0.0 + wrong)
        return tg.sum(model(x))

    found = compared(step, small_batches()[0][0])
    assert not found.ok and {gap.what for gap in found.agreement.differs} >= {"result", "0.bias"}
    assert max(gap.largest for gap in found.agreement.differs) >= 0.5
    assert "The modes disagree: " in found.verdict and "Use eager mode" in found.verdict
    assert "Where the modes differ" in str(found) and "0.bias" in str(found)
    assert found.to_json()["ok"] is False


def test_the_line_of_a_miscompiled_value_is_found():
    from tapegraph.debug.faults import planted
    from tests.debug.fault_programs import PROGRAMS

    name = next(iter(PROGRAMS))
    program, args, _ = PROGRAMS[name]
    with planted(name):
        found = compared(program, *args)
    assert not found.ok
    gap = found.agreement.differs[0]
    assert gap.place.file.endswith("fault_programs.py") and gap.blame


def test_rounding_that_a_program_enlarges_is_not_a_disagreement():
    def apart(eager, static, control, calls=1000):
        first = Moment({"result": np.float32([1.0])}, {}, {})
        moments = [[first, Moment({"result": np.float32([v])}, {}, {})] for v in (eager, static, control)]
        return agreement(*moments, None, calls)

    assert apart(1.0, 1.2, 1.3).ok and not apart(1.0, 1.2, 1.3).close
    assert not apart(1.0, 1.2, 1.2000001).ok
    assert apart(1e6, 1e6 + 1, 1e6).ok, "relative to the largest element"
    assert not apart(1.0, np.nan, np.nan).ok


def test_a_counter_that_a_trace_freezes_is_a_disagreement():
    count = [0]

    def counted(x):
        count[0] += 1
        return x * float(count[0])

    assert not compared(counted, np.ones(3, np.float32)).ok


def test_what_cancels_to_rounding_is_no_disagreement():
    def cancels(x):
        p = tg.exp(x) / tg.sum(tg.exp(x))
        return tg.sum(p) - 1.0, x

    x = np.random.default_rng(3).standard_normal(1000).astype(np.float32)
    assert compared(cancels, x).ok


def test_one_that_static_mode_cannot_run_is_reported_with_its_line():
    def branchy(x):
        if tg.sum(x) > 0:
            return x * 2.0
        return x

    found = compared(branchy, np.ones(3, np.float32))
    assert not found.ok and set(found.modes) == {"eager"} and found.speedup is None
    said = found.failed["static"]
    assert "if tg.sum(x) > 0" in said.place.text and said.place.file.endswith("test_compare.py")
    assert "Static mode cannot run" in found.verdict and "run it in eager mode" in found.verdict
    assert "What static mode says" in str(found) and json.loads(json.dumps(found.to_json()))["ok"] is False


class Loop:
    def __init__(self):
        self.layer = nn.Linear(4, 4)

    @tg.function
    def step(self, x):
        self.layer.bias.assign(self.layer.bias + 0.125)
        return tg.sum(self.layer(x))

    def train(self, x):
        return sum(float(self.step(x)) for _ in range(3))

    @tg.function
    def whole(self, x):
        return float(tg.sum(x))


def test_a_loop_around_a_decorated_step_is_compared_with_that_compiled():
    loop = Loop()
    found = compared(loop.train, np.ones((2, 4), np.float32))
    assert found.ok and found.speedup is not None and found.agreement.calls == 6
    assert [r.cause for r in found.retraces] == ["first call"]
    assert "compiles the decorated functions that it calls: step" in found.notes[-1] + found.notes[0]
    assert np.array(loop.layer.bias).max() < 0.6, "put back"
    assert "static" in compared(loop.whole, np.ones(3, np.float32)).failed


def test_what_the_function_prints_is_shown_once(capsys):
    def chatty(x):
        print("in the function")
        return x * 2.0

    compared(chatty, np.ones(3, np.float32), progress=lambda text, share: print(text))
    printed = capsys.readouterr().out
    assert printed.count("in the function") == 1 and "timing by turns" in printed


def test_what_eager_mode_raises_is_the_users():
    def broken(x):
        return tg.matmul(x, np.ones((7, 2), np.float32))

    with pytest.raises(tg.errors.ShapeError) as raised:
        compared(broken, np.ones((2, 3), np.float32))
    assert "eager mode" in raised.value.__notes__[-1]


def test_versions_that_batches_cause_come_with_cause_and_line():
    def lengths(x):
        total = tg.zeros((2,), dtype="float32")
        for t in range(x.shape[1]):
            total = total + x[:, t]
        return total

    found = compared(lengths, batches=[np.ones((2, n), np.float32) for n in (3, 4, 5, 3)])
    assert found.ok and len(found.retraces) == 3
    assert found.retraces[0].cause == "first call"
    assert found.retraces[1].place.text.strip() == "for t in range(x.shape[1]):"
    assert "Compiled 3 times" in str(found)


def test_a_loader_gives_both_modes_the_same_order_and_is_put_back():
    x, y = np.concatenate([b[0] for b in small_batches()]), np.concatenate([b[1] for b in small_batches()])
    loader = data.DataLoader(data.TensorDataset(x, y), 7, shuffle=True)
    _, step = small_step()
    found = compared(step, batches=loader, epochs=3)
    assert found.ok and found.agreement.calls == 15 and loader.epoch == 0
    assert len(found.retraces) == 1, "one compiled version serves the short last batch too"


def test_numbers_frozen_by_a_trace_are_a_disagreement_and_the_notice_is_kept():
    def draws(x):
        return x + np.random.random(3).astype(np.float32)

    np.random.seed(7)
    found = compared(draws, np.ones(3, np.float32))
    assert np.random.random() == np.random.RandomState(7).random_sample(), "the generator is as it was"
    assert not found.ok and found.agreement.control < 1e-6
    assert [n.error for n in found.notices["static"]] == ["TraceWarning"] and found.notices["eager"] == []
    assert "np.random.random(3)" in found.notices["static"][0].place.text


def test_a_nan_is_told_in_both_modes_and_equal_in_both():
    found = compared(lambda x: tg.log(x), -np.ones(3, np.float32))
    assert found.ok
    assert {mode: [n.error for n in told] for mode, told in found.notices.items()} == {
        "eager": ["NonFiniteWarning"],
        "static": ["NonFiniteWarning"],
    }


def test_figures_are_plain_json():
    _, step = small_step()
    found = json.loads(json.dumps(compared(step, *small_batches()[0]).to_json()))
    assert found["schema"] == 2 and found["modes"]["eager"]["median"] > found["modes"]["static"]["median"] > 0
    assert set(found["starts"][0]["seconds"]) >= {"trace", "optimise", "plan", "compile"}
    assert found["modes"]["static"]["peak_parts"]["arena"] > 0
    assert found["modes"]["eager"]["peak_bytes"] > 5 * 8 * 4
    assert found["speedup"]["low"] <= found["speedup"]["value"] <= found["speedup"]["high"]
    assert found["function"]["source"].startswith("def step(x, y):")


def test_a_file_is_written_by_its_suffix(tmp_path):
    found = compared(lambda x: x * 2.0, np.ones(3, np.float32))
    found.save(tmp_path / "x.json")
    assert json.loads((tmp_path / "x.json").read_text())["ok"]
    with pytest.raises(tg.errors.ArgumentError, match=r"\.html or \.json"):
        found.save(tmp_path / "x.pdf")


def test_bad_calls_are_refused():
    with pytest.raises(tg.errors.ArgumentError, match="no batches"):
        compared(lambda x: x, batches=[])
    with pytest.raises(tg.errors.ArgumentError, match="epochs"):
        compared(lambda x: x, np.ones(3), epochs=0)
    with pytest.raises(tg.errors.ArgumentError, match="cannot be called"):
        compared(3, np.ones(3))


@pytest.mark.parametrize(
    "a, b, want",
    [
        ([1.0, 2.0], [1.0, 2.5], 0.5),
        ([np.nan, np.inf], [np.nan, np.inf], 0.0),
        ([np.nan], [1.0], np.inf),
        ([np.inf], [-np.inf], np.inf),
        ([], [], 0.0),
        ([1.0], [1.0, 2.0], np.inf),
        (3.0, 4.0, 1.0),
    ],
)
def test_difference(a, b, want):
    assert difference(np.array(a), np.array(b)) == want


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_the_report_fits_the_screen(width):
    from tapegraph.comparison.tables import as_text

    _, step = small_step()
    found = compared(step, *small_batches()[0])
    assert max(map(len, as_text(found, width).splitlines())) <= width


# ------------------------------------------------------------------------------------------ the digits job


@pytest.mark.parametrize("model", sorted(digits.MODELS))
def test_every_model_agrees_over_a_few_calls(model):
    made = digits.job(model, epochs=1, batch_size=256)
    found = compared(made.step, batches=made.batches)
    assert found.agreement.close and len(found.retraces) == 1


@pytest.mark.slow
@pytest.mark.parametrize("dtype, allowed", [("float64", 1e-9), ("float32", 1e-4)])
def test_five_epochs_of_digits(dtype, allowed):
    made = digits.job("mlp", epochs=5, dtype=dtype)
    found = compared(made.step, batches=made.batches, epochs=5, evaluate=made.evaluate, seconds=5)
    assert found.agreement.differences["states"] <= allowed
    assert min(figures.score for figures in found.modes.values()) >= 0.96
    assert found.speedup.value >= 4


@pytest.mark.slow
def test_a_new_process_is_quick_over_a_warm_cache():
    cold, warm = starts_in_processes({"digits": {"model": "mlp"}})
    assert cold.kernels["compiled"] == warm.kernels["disk"] and warm.kernels["compiled"] == 0
    assert cold.imported_numba and not warm.imported_numba
    # Measured on a quiet machine: 1 s and 0.05 s; the bounds leave room for a busy one.
    assert cold.compiling <= 4
    assert min(warm.runs) <= 0.2


DEPTH = """
import sys
import numpy as np
import tapegraph as tg
from tapegraph import nn, optim
from tapegraph.nn import functional as F

layers = [nn.Linear(64, 128), nn.ReLU()]
for _ in range(int(sys.argv[1]) - 2):
    layers += [nn.Linear(128, 128), nn.ReLU()]
model = nn.Sequential(*layers, nn.Linear(128, 10))
optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

@tg.function
def step(x, y):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss

with tg.mode("static"):
    step(np.ones((32, 64), np.float32), np.arange(32) % 10)
version = step._latest()
print(version.program.report.compiled, sum(version.seconds.values()))
"""


@pytest.mark.slow
def test_a_deep_network_compiles_like_a_shallow_one(tmp_path):
    """Equal kernels are compiled once, so 24 layers cost little more than 3."""

    def cost(layers, number):
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "TAPEGRAPH_CACHE_DIR": str(tmp_path / f"{layers}-{number}"),
        }
        found = subprocess.run(
            [sys.executable, "-c", DEPTH, str(layers)], env=environment, capture_output=True, text=True, check=True
        )
        kernels, seconds = found.stdout.split()
        return int(kernels), float(seconds)

    runs = [(cost(3, number), cost(24, number)) for number in range(2)]
    assert all(shallow[0] == deep[0] for shallow, deep in runs)
    assert min(deep[1] for _, deep in runs) <= 1.5 * min(shallow[1] for shallow, _ in runs)


def test_an_interruption_while_the_first_call_is_compiled_leaves_nothing_to_judge():
    calls = []

    def interrupted(x):
        calls.append(x)
        if len(calls) == 2:  # eager mode has made its call, static mode traces
            raise KeyboardInterrupt
        return tg.sum(x)

    measurement = Measurement(interrupted, (np.ones(3, np.float32),), Settings(seconds=1))
    with pytest.raises(KeyboardInterrupt):
        measurement.run()
    assert measurement.found.agreement is None and not measurement.found.complete
