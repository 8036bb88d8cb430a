"""An encoder and a decoder with additive attention that learn to reverse sequences."""

import torch
import torch.nn as nn
import torch.nn.functional as F

SOS, hidden_size, vocab, length = 0, 10, 6, 4


class Cell(nn.Module):
    """A gated recurrent unit."""

    def __init__(self, n_in, n_hidden):
        super().__init__()
        self.x2h = nn.Linear(n_in, 3 * n_hidden)
        self.h2h = nn.Linear(n_hidden, 3 * n_hidden)

    def forward(self, x, h):
        xr, xz, xn = self.x2h(x).chunk(3, dim=-1)
        hr, hz, hn = self.h2h(h).chunk(3, dim=-1)
        r, z = torch.sigmoid(xr + hr), torch.sigmoid(xz + hz)
        n = torch.tanh(xn + r * hn)
        return (1 - z) * n + z * h


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden_size)
        self.cell = Cell(hidden_size, hidden_size)

    def forward(self, input):
        h = torch.zeros(input.size(0), hidden_size)
        outputs = []
        for t in range(input.size(1)):
            h = self.cell(self.embedding(input[:, t]), h)
            outputs.append(h)
        return torch.stack(outputs, dim=1), h


class BahdanauAttention(nn.Module):
    def __init__(self):
        super().__init__()
        self.Wa = nn.Linear(hidden_size, hidden_size)
        self.Ua = nn.Linear(hidden_size, hidden_size)
        self.Va = nn.Linear(hidden_size, 1)

    def forward(self, query, keys):
        scores = self.Va(torch.tanh(self.Wa(query) + self.Ua(keys)))
        weights = F.softmax(scores.squeeze(2).unsqueeze(1), dim=-1)
        return torch.bmm(weights, keys), weights


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden_size)
        self.attention = BahdanauAttention()
        self.cell = Cell(2 * hidden_size, hidden_size)
        self.out = nn.Linear(hidden_size, vocab)

    def forward(self, encoder_outputs, h, target=None):
        token = torch.empty(encoder_outputs.size(0), dtype=torch.long).fill_(SOS)
        logits, attentions = [], []
        for t in range(length):
            context, weights = self.attention(h.unsqueeze(1), encoder_outputs)
            h = self.cell(torch.cat((self.embedding(token), context.squeeze(1)), dim=1), h)
            out = self.out(h)
            logits.append(out)
            attentions.append(weights)
            if target is not None:
                token = target[:, t]
            else:
                _, topi = out.topk(1)
                token = topi.squeeze(-1).detach()
        return F.log_softmax(torch.stack(logits, 1), dim=-1), torch.cat(attentions, dim=1)


def make():
    return nn.ModuleDict({"encoder": Encoder(), "decoder": Decoder()})


def train(nets, steps, compile):
    encoder, decoder = nets["encoder"], nets["decoder"]
    criterion = nn.NLLLoss()
    optimizers = [torch.optim.Adam(m.parameters(), lr=1e-2) for m in (encoder, decoder)]

    @compile
    def step(input, target):
        for optimizer in optimizers:
            optimizer.zero_grad()
        outputs, hidden = encoder(input)
        decoded, _ = decoder(outputs, hidden, target)
        loss = criterion(decoded.view(-1, decoded.size(-1)), target.reshape(-1))
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
        return loss

    losses = []
    for _ in range(steps):
        input = torch.randint(1, vocab, (5, length))
        losses.append(step(input, torch.flip(input, dims=[1])).item())
    with torch.no_grad():
        outputs, hidden = encoder(input)
        decoded, attentions = decoder(outputs, hidden)
        assert attentions.shape == (5, length, length)
        losses.append(decoded.exp().sum().item())
    return losses
