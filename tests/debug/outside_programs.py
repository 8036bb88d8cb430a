"""Programs that keep or change something outside of their graphs, and others that may."""

import random
import time
import types

import numpy as np

import tapegraph as tg
from tapegraph import nn

use_dropout = True


class Settings:
    scale = 2.0


config = types.SimpleNamespace(scale=2.0, rates={"noise": 0.5})
counter = 0
history = []
counts = {"steps": 0}
rng = np.random.default_rng(0)
limit = np.ones(3, np.float32)


class Meter:
    def __init__(self):
        self.total = 0.0
        self.seen = []

    def update(self, value):
        self.total += value

    def note(self, shape):
        self.seen.append(shape)


meter = Meter()


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.drop = nn.Dropout(0.0)
        self.calls = 0
        self.doubled = True
        self.mask = None
        self.attention = None

    def forward(self, x):
        h = self.drop(self.layer(x))
        if self.doubled:
            h = h * 2
        return h


class Counting(Net):
    def forward(self, x):
        self.calls += 1
        return super().forward(x)


class Caching(Net):
    def forward(self, x):
        if self.mask is None:
            self.mask = np.tril(np.ones((3, 3), np.float32))
        self.attention = x * 2
        return self.layer(x) + self.mask[0] + self.attention


class Tables(Net):
    def __init__(self):
        super().__init__()
        self.length, self.table = 0, None

    def forward(self, x):
        if self.table is None or self.length < x.shape[1]:
            self.length = x.shape[1]
            self.table = tg.cos(tg.arange(x.shape[1]) * 0.1)
        return self.layer(x) * self.table


class Recurrent(Net):
    def __init__(self):
        super().__init__()
        self.hidden = tg.zeros((2, 3))

    def forward(self, x):
        self.hidden = tg.tanh(self.layer(x) + self.hidden)
        return self.hidden


def reads_a_global(x):
    if use_dropout:  # guilty
        x = x * 2
    return x + 1


def reads_an_attribute(x):
    return x * config.scale  # guilty


def reads_an_attribute_of_a_class(x):
    return x * Settings.scale  # guilty


def reads_an_entry(x):
    return x + x * config.rates["noise"]  # guilty


def reads_an_array(x):
    return tg.minimum(x, limit)  # guilty


def logs_a_global(x):
    label = f"at {config.scale}"
    return x + len(label) * 0


def draws(x):
    noise = np.random.rand(3).astype(np.float32)  # guilty
    return x + noise


def draws_in_python(x):
    return x * random.uniform(0.5, 1)  # guilty


def draws_from_its_own(x):
    return x + rng.normal()  # guilty


def helper():
    return np.random.rand()  # guilty


def draws_in_a_helper(x):
    return x + helper()


def reads_the_clock(x):
    return x * time.time()  # guilty


def times_itself(x):
    started = time.perf_counter()
    y = x * 2
    config.seconds = time.perf_counter() - started
    return y


def counts_in_a_global(x):
    global counter
    counter += 1  # guilty
    return x + 1


def counts_in_a_dict(x):
    counts["steps"] += 1  # guilty
    return x + 1


def appends(x):
    y = tg.sum(x)
    history.append(y)  # guilty
    return y


def appends_a_shape(x):
    meter.note(x.shape)
    return x * 2


def meets_a_meter(x):
    y = tg.sum(x)
    meter.update(y)
    return y


def prints_a_symbol(x):
    y = x + 1
    print("y is", y)  # guilty
    return y


def formats_a_symbol(x):
    print(f"now {x}")  # guilty
    return x + 1


def prints_a_word(x):
    print("a step")
    return x + 1


def uses_locals(x):
    found = []
    table = {}
    for scale in (1.0, 2.0):
        found.append(x * scale)
        table[scale] = found[-1]
    total = 0
    for part in found:
        total += part
    return total
