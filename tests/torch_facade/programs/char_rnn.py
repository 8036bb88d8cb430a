"""A character RNN with its own cell; the hidden state is detached between chunks, the update is p.data.add_."""

import torch
import torch.nn as nn


class RNN(nn.Module):
    def __init__(self, input_size, hidden_size, output_size):
        super(RNN, self).__init__()
        self.hidden_size = hidden_size
        self.i2h = nn.Linear(input_size + hidden_size, hidden_size)
        self.h2o = nn.Linear(hidden_size, output_size)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, input, hidden):
        combined = torch.cat((input, hidden), 1)
        hidden = torch.tanh(self.i2h(combined))
        return self.softmax(self.h2o(hidden)), hidden

    def initHidden(self):
        return torch.zeros(1, self.hidden_size)


text = "hello world, hello rnn."
letters = sorted(set(text))


def lineToTensor(line):
    tensor = torch.zeros(len(line), 1, len(letters))
    for li, letter in enumerate(line):
        tensor[li][0][letters.index(letter)] = 1
    return tensor


def make():
    return RNN(len(letters), 12, len(letters))


def train(rnn, steps, compile):
    criterion = nn.NLLLoss()
    learning_rate = 0.1
    hidden = rnn.initHidden()
    losses = []

    @compile
    def chunk(line, targets, hidden):
        rnn.zero_grad()
        loss = 0
        for i in range(line.size(0)):
            output, hidden = rnn(line[i], hidden)
            loss += criterion(output, targets[i].unsqueeze(0))
        loss.backward()
        for p in rnn.parameters():
            p.data.add_(p.grad.data, alpha=-learning_rate)
        return loss / line.size(0), hidden.detach()

    for i in range(steps):
        start = (i * 5) % (len(text) - 6)
        line = lineToTensor(text[start : start + 5])
        targets = torch.LongTensor([letters.index(c) for c in text[start + 1 : start + 6]])
        loss, hidden = chunk(line, targets, hidden)
        losses.append(loss.item())
    return losses
