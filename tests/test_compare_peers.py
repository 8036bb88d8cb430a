"""Peers of a comparison: their arguments, their agreement, what is absent or fails."""

import importlib.util

import numpy as np
import pytest

import tapegraph as tg

needs_torch = pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="torch is not installed")
needs_jax = pytest.mark.skipif(importlib.util.find_spec("jax") is None, reason="jax is not installed")


def compared(peers, fn=lambda x: tg.sum(tg.exp(x) * 2.0), args=(np.linspace(0, 1, 12, dtype=np.float32),)):
    return tg.compare(fn, *args, peers=peers, faults=False, profile=False, scene=False, seconds=0.3)


def test_numpy_takes_its_own_arrays_and_takes_turns():
    found = compared({"by hand": lambda x: np.sum(np.exp(x) * 2)})
    peer = found.peers["by hand"]
    assert peer.agrees and peer.difference <= 1e-6 and peer.speed.median > 0
    assert peer.speed.calls >= 10 and peer.ratio.low <= peer.ratio.value <= peer.ratio.high
    assert peer.speed.calls == found.modes["eager"].calls, "the same turns"
    assert found.speedup.low <= found.speedup.value <= found.speedup.high
    assert found.speedup.value == found.modes["eager"].median / found.modes["static"].median
    assert "by hand" in str(found) and "the fastest peer" in found.verdict


@needs_torch
def test_torch_gets_tensors():
    import torch

    def in_torch(given):
        assert isinstance(given["x"], torch.Tensor) and given["n"] == 3
        return (torch.exp(given["x"].requires_grad_()) * given["n"]).sum()

    found = compared(
        {"torch": in_torch},
        lambda given: tg.sum(tg.exp(given["x"]) * given["n"]),
        ({"x": np.ones(4, np.float32), "n": 3},),
    )
    assert found.peers["torch"].agrees and found.peers["torch"].version == torch.__version__


@needs_jax
def test_jax_is_compiled_where_its_name_ends_so_and_waited_for():
    import jax.numpy as jnp

    traced = []

    def in_jax(x):
        traced.append(x)
        return jnp.sum(jnp.exp(x) * 2)

    found = compared({"jax.jit": in_jax})
    assert found.peers["jax.jit"].agrees and len(traced) == 1


def test_a_peer_that_computes_something_else_is_told_and_no_verdict_is_taken_from_it():
    found = compared({"by hand": lambda x: np.sum(np.exp(x) * 3)})
    assert found.peers["by hand"].agrees is False and "something else" in str(found)
    assert "fastest peer" not in found.verdict
    assert found.ok, "the modes agree all the same"


def test_peers_that_fail_or_are_absent_are_rows_that_say_so(monkeypatch):
    from tapegraph.comparison import peers

    monkeypatch.setattr(peers.Torch, "module", "no_such_torch")
    found = compared({"by hand": lambda x: 1 / 0, "torch": lambda x: x})
    assert found.peers["by hand"].note == "failed: ZeroDivisionError: division by zero"
    assert found.peers["torch"].note == "absent: No module named 'no_such_torch'"
    assert found.peers["torch"].speed is None and "no_such_torch" in str(found) and found.ok


FACADE = """
import tapegraph.torch as torch
import tapegraph.torch.nn.functional as F
from tapegraph.torch import nn

torch.manual_seed(0)
model = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

def step(x, y):
    loss = F.cross_entropy(model(x), y)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss

def step_args():
    return torch.randn(5, 8), torch.arange(5) % 4
"""


def measured(tmp_path, text, peers):
    from tapegraph.comparison import jobs
    from tapegraph.comparison.measurement import Settings
    from tapegraph.comparison.script import Target

    (tmp_path / "facade_script.py").write_text(text)
    settings = Settings(faults=False, profile=False, scene=False, seconds=0.5)
    job = jobs.script(Target(f"{tmp_path}/facade_script.py:step"), settings, {}, peers, lambda *progress: None)
    settings.starts = job.starts_here
    return job.run()


@pytest.mark.slow
@needs_torch
def test_a_script_in_pytorchs_words_is_run_by_pytorch_from_the_same_weights(tmp_path):
    found = measured(tmp_path, FACADE, ["torch", "jax"])
    assert found.ok and found.peers["torch"].agrees and found.peers["torch"].difference <= 1e-5
    assert found.peers["torch"].speed.calls >= 10 and found.peers["torch"].ratio is not None
    assert "is not written for it" in found.peers["jax"].note


@pytest.mark.slow
def test_a_script_that_needs_more_than_pytorch_says_so(tmp_path):
    text = FACADE + "import tapegraph as tg\nmodel.scale = tg.ones(1)\n"
    peer = measured(tmp_path, text, ["torch"]).peers["torch"]
    assert peer.speed is None and ("tapegraph.ones" in peer.note or "No module" in peer.note)


@pytest.mark.slow
@needs_torch
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_digits_are_the_same_in_peers(dtype):
    from tapegraph.comparison import jobs
    from tapegraph.comparison.measurement import Settings

    settings = Settings(faults=False, profile=False, scene=False, seconds=1)
    job = jobs.digits({"model": "mlp", "batch_size": 256, "dtype": dtype}, settings, ["torch"], lambda *progress: None)
    settings.starts = job.starts_here
    found = job.run()
    assert found.ok and found.peers["torch"].agrees and found.peers["torch"].difference < 1e-5
