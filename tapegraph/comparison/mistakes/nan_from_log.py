"""NaN from the log of a negative number"""

import numpy as np

import tapegraph as tg
from tapegraph import nn

tg.manual_seed(0)
model = nn.Linear(64, 10)


@tg.function
def step(images):
    scores = model(images)
    # planted: tg.log(scores)
    entropy = tg.mean(tg.log(scores) * scores)
    return entropy * 0.5


def run():
    images = np.random.default_rng(0).random((8, 64), np.float32)
    with tg.debug.detect_nonfinite():
        step(images)
