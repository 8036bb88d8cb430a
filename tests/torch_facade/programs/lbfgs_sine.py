"""Fitting sine waves with LBFGS and a closure, in float64."""

import numpy as np
import torch
import torch.nn as nn
import torch.optim as optim


class Sequence(nn.Module):
    def __init__(self):
        super(Sequence, self).__init__()
        self.hidden = nn.Linear(3, 12)
        self.linear = nn.Linear(12, 1)

    def forward(self, input):
        outputs = []
        for input_t in input.split(3, dim=1):
            outputs += [self.linear(torch.tanh(self.hidden(input_t)))]
        return torch.cat(outputs, dim=1)


def make():
    seq = Sequence()
    seq.double()
    return seq


def train(seq, steps, compile):
    x = np.arange(12)[None] + 2 * np.arange(6)[:, None]
    data = np.sin(x / 4.0).astype("float64")
    input = torch.from_numpy(data[:, :-3])
    target = torch.from_numpy(data[:, 3:][:, ::3].copy())
    criterion = nn.MSELoss()
    optimizer = optim.LBFGS(seq.parameters(), lr=0.8)
    losses = []
    for _ in range(3):

        def closure():
            optimizer.zero_grad()
            out = seq(input)
            loss = criterion(out, target)
            losses.append(loss.item())
            loss.backward()
            return loss

        optimizer.step(closure)
    return losses[:40]
