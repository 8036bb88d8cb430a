"""Tiered start: line by line until native code is there, the same results, errors at the call, no waiting at the end."""

import os
import subprocess
import sys
import time

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import nn, optim

PROGRAM = """
import time
import numpy as np
import tapegraph as tg

@tg.compile
def f(x):
    for _ in range(20):
        x = tg.tanh(x) + {salt}
    return tg.sum(x * x)

x = np.ones((3, 4), "f4")
f(x), f(x)
print(f._starts != {{}}, time.time(), flush=True)
"""


def training(tiered):
    tg.manual_seed(0)
    model = nn.Linear(4, 3)
    optimizer = optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    @tg.compile
    def inner(x):
        return model(x) * 2.0

    @tg.function(tiered=tiered)
    def step(x):
        loss = tg.mean(inner(x) ** 2)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    return model, step


def test_a_tiered_start_gives_what_compiled_calls_give():
    x = np.random.default_rng(0).normal(size=(5, 4)).astype("f4")
    found = []
    for tiered in (True, False):
        model, step = training(tiered)
        with tg.mode("static"):
            losses = [step(x).item(), step(x).item()]
            step.wait()
            losses += [step(x).item() for _ in range(3)]
            assert not step(x).requires_grad
        found.append((losses, *(p.numpy() for p in model.parameters()), *(p.grad.numpy() for p in model.parameters())))
        early = int(step.explain().split("tiered start: ")[1].split()[0]) if tiered else 0
        assert early in ((1, 2) if tiered else (0,)) and "1 version compiled" in step.explain()
    for one, other in zip(*found):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)


def test_a_program_that_cannot_be_traced_says_so_when_it_is_traced():
    def body(x):
        return x * 2.0 if x[0] > 0 else x

    f, x = tg.compile(body, tiered=True), tg.ones(3)
    assert f(x).tolist() == [2.0] * 3  # line by line
    with pytest.raises(tg.errors.SymbolError):
        f(x)


def test_the_end_of_a_process_does_not_wait_for_the_compiler(tmp_path):
    env = os.environ | {"TAPEGRAPH_TIERED": "1", "TAPEGRAPH_CACHE_DIR": str(tmp_path)}
    program = PROGRAM.format(salt=repr(time.time() % 1))
    out = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True).stdout
    pending, ended = out.split()
    assert pending == "True" and time.time() - float(ended) < 5
