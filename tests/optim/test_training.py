"""A small network learns the handwritten digits in a few seconds, with either optimizer."""

import numpy as np
import pytest

import tapegraph as tg
from tapegraph import data, nn, optim
from tapegraph.nn import functional as F


@pytest.mark.parametrize(
    "make",
    [lambda p: optim.SGD(p, lr=0.1, momentum=0.9, nesterov=True), lambda p: optim.AdamW(p, lr=1e-2)],
    ids=["SGD", "AdamW"],
)
def test_digits(make):
    tg.manual_seed(2)
    x_train, x_test, y_train, y_test = data.train_test_split(*data.digits())
    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = make(model.parameters())
    loader = data.DataLoader(data.TensorDataset(x_train, y_train), 32, shuffle=True)
    for epoch in range(7):
        optimizer.lr *= 0.7 if epoch > 2 else 1.0
        for x, y in loader:
            optimizer.zero_grad()
            F.cross_entropy(model(x), y).backward()
            optimizer.step()
    with tg.no_grad():
        accuracy = np.mean(np.asarray(model(x_test)).argmax(1) == y_test)
    assert accuracy >= 0.96
