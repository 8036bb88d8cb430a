"""wrong shape, two modules deep"""

import numpy as np

import tapegraph as tg
from tapegraph import nn
from tapegraph.nn import functional as F


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Linear(64, 32)
        self.second = nn.Linear(64, 10)

    def forward(self, images):
        hidden = F.relu(self.first(images))
        # planted: self.second(hidden)
        return self.second(hidden)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = Encoder()

    def forward(self, images):
        return F.log_softmax(self.encoder(images))


tg.manual_seed(0)
model = Classifier()


@tg.function
def step(images, labels):
    scores = model(images)
    return F.nll_loss(scores, labels)


def run():
    step(np.zeros((8, 64), np.float32), np.arange(8) % 10)
