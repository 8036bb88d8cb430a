"""The reference models written in PyTorch, parameters under the same names: (the model, its loss of a batch) by name."""

from __future__ import annotations

import math
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import nn

from tapegraph.models.reference import BRACKETS, VISCOSITY, VOCABULARY


class LogisticRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        return self.linear(x)


class MLP(nn.Module):
    def __init__(self, sizes, activation=nn.ReLU):
        super().__init__()
        layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), activation())]
        self.layers = nn.Sequential(*layers[:-1])

    def forward(self, x):
        return self.layers(x)


class LeNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(), nn.Linear(64, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)
        )

    def forward(self, images):
        return self.classifier(self.features(images))


class BasicBlock(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x):
        y = self.norm2(self.conv2(F.relu(self.norm1(self.conv1(x)))))
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.stages = nn.Sequential(BasicBlock(4, 4, 1), BasicBlock(4, 8, 2))
        self.classifier = nn.Linear(8, 10)

    def forward(self, images):
        x = self.stages(F.relu(self.norm(self.conv(images))))
        return self.classifier(x.mean((2, 3)))


class LSTMLanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, 8)
        self.lstm = nn.LSTM(8, 16, batch_first=True)
        self.head = nn.Linear(16, VOCABULARY)

    def forward(self, tokens, state=None):
        y, state = self.lstm(self.embedding(tokens), state)
        return self.head(y), state


class GRUClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(2 * BRACKETS + 1, 8, padding_idx=0)
        self.gru = nn.GRU(8, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, tokens, lengths):
        packed = nn.utils.rnn.pack_padded_sequence(
            self.embedding(tokens), lengths, batch_first=True, enforce_sorted=False
        )
        return self.head(self.gru(packed)[1][-1])


class TransformerClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(2 * BRACKETS + 1, 16)
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, nn.LayerNorm(16), enable_nested_tensor=False)
        self.head = nn.Linear(16, 2)

    def forward(self, tokens, lengths):
        place = torch.arange(tokens.shape[1])
        absent = place >= lengths[:, None]
        angle = place[:, None].double() * torch.exp(torch.arange(8).double() * (-math.log(10000.0) / 8))
        x = self.embedding(tokens)
        x = x + torch.stack([angle.sin(), angle.cos()], -1).flatten(1).to(x.dtype)
        x = self.encoder(x, src_key_padding_mask=absent)
        return self.head(x.masked_fill(absent[..., None], 0).sum(1) / lengths[:, None])


class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        n, time, width = x.shape
        q, k, v = self.qkv(x).view(n, time, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.out(y.transpose(1, 2).reshape(n, time, width))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.norm2 = nn.LayerNorm(width)
        self.rise = nn.Linear(width, 4 * width)
        self.fall = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.fall(F.gelu(self.rise(self.norm2(x))))


class GPT(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(VOCABULARY, 16)
        self.positions = nn.Embedding(32, 16)
        self.blocks = nn.ModuleList([Block(16, 2)])
        self.norm = nn.LayerNorm(16)

    def forward(self, tokens):
        x = self.tokens(tokens) + self.positions(torch.arange(tokens.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.norm(x) @ self.tokens.weight.T


class VAE(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = MLP((64, 32, 8))
        self.decoder = MLP((4, 32, 64))

    def forward(self, x, noise):
        mean, log_variance = self.encoder(x).chunk(2, 1)
        return self.decoder(mean + (log_variance / 2).exp() * noise), mean, log_variance


class ChildSumCell(nn.Module):
    def __init__(self, features, hidden):
        super().__init__()
        self.input = nn.Linear(features, 4 * hidden)
        self.children_iou = nn.Linear(hidden, 3 * hidden, bias=False)
        self.children_f = nn.Linear(hidden, hidden, bias=False)


class TreeLSTM(nn.Module):
    """Each node by recursion."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(16, 8)
        self.cell = ChildSumCell(8, 16)
        self.head = nn.Linear(16, 10)

    def forward(self, symbols, left, right, levels, roots):
        def node(number):
            f, i, o, u = self.cell.input(self.embedding(symbols[number])).chunk(4)
            c = torch.zeros_like(f)
            if left[number] >= 0:
                below = [node(left[number]), node(right[number])]
                di, do, du = self.cell.children_iou(sum(h for h, _ in below)).chunk(3)
                i, o, u = i + di, o + do, u + du
                c = sum(torch.sigmoid(f + self.cell.children_f(h)) * memory for h, memory in below)
            c = c + torch.sigmoid(i) * torch.tanh(u)
            return torch.sigmoid(o) * torch.tanh(c), c

        return self.head(torch.stack([node(root)[0] for root in roots]))


class NeuralODE(nn.Module):
    def __init__(self):
        super().__init__()
        self.field = MLP((4, 16, 3), nn.Tanh)
        self.head = nn.Linear(3, 2)

    def forward(self, x):
        y = F.pad(x, (0, 1))

        def slope(t, y):
            return self.field(torch.cat([y, torch.full_like(y[:, :1], t)], 1))

        for step in range(4):
            t, h = step / 4, 1 / 4
            k1 = slope(t, y)
            k2 = slope(t + h / 2, y + h / 2 * k1)
            k3 = slope(t + h / 2, y + h / 2 * k2)
            k4 = slope(t + h, y + h * k3)
            y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + k4)
        return self.head(y)


class PINN(nn.Module):
    def __init__(self):
        super().__init__()
        self.network = MLP((2, 16, 16, 1), nn.Tanh)

    def forward(self, points):
        return self.network(points)[..., 0]


def classes(model, *batch):
    return F.cross_entropy(model(*batch[:-1]), batch[-1])


def next_token(model, tokens, targets):
    scores = model(tokens)
    scores = scores[0] if isinstance(scores, tuple) else scores
    return F.cross_entropy(scores.flatten(0, 1), targets.flatten())


def elbo(model, x, noise):
    logits, mean, log_variance = model(x, noise)
    pixels = F.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return (pixels + 0.5 * (log_variance.exp() + mean**2 - 1 - log_variance).sum()) / len(x)


def physics(model, inside, edge, values):
    points = inside.clone().requires_grad_()
    u = model(points)
    (slope,) = torch.autograd.grad(u.sum(), points, create_graph=True)
    (second,) = torch.autograd.grad(slope[:, 1].sum(), points, create_graph=True)
    residual = slope[:, 0] + u * slope[:, 1] - VISCOSITY * second[:, 1]
    return (residual**2).mean() + F.mse_loss(model(edge), values)


TORCH = {
    "logistic regression": (LogisticRegression, classes),
    "mlp": (lambda: MLP((64, 32, 10)), classes),
    "lenet": (LeNet, classes),
    "resnet": (ResNet, classes),
    "lstm language model": (LSTMLanguageModel, next_token),
    "gru classifier": (GRUClassifier, classes),
    "transformer classifier": (TransformerClassifier, classes),
    "gpt": (GPT, next_token),
    "vae": (VAE, elbo),
    "tree lstm": (TreeLSTM, classes),
    "neural ode": (NeuralODE, classes),
    "pinn": (PINN, physics),
}


class Twin:
    """A model of PyTorch with the weights of one in training here, the same loss and the same optimizer."""

    def __init__(self, name, training):
        build, self.loss = TORCH[name]
        weights = {key: torch.tensor(value) for key, value in training.model.state_dict().items()}
        first = next(training.model.parameters())
        self.model = build().to(getattr(torch, first.dtype.name))
        self.model.load_state_dict(weights)
        options = dict(training.optimizer.defaults)
        kind = getattr(torch.optim, type(training.optimizer).__name__)
        options = {key: value for key, value in options.items() if key in kind.__init__.__code__.co_varnames}
        self.optimizer = kind(self.model.parameters(), **options)

    def step(self, *batch):
        loss = self.loss(self.model, *map(torch.as_tensor, batch))
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss
