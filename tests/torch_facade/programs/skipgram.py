"""Word vectors by skip-gram with negative sampling."""

import torch
import torch.nn as nn
import torch.nn.functional as F

corpus = "the quick brown fox jumps over the lazy dog while the quick cat sleeps under the old oak".split()
vocab = {w: i for i, w in enumerate(dict.fromkeys(corpus))}
pairs = [
    (vocab[corpus[i]], vocab[corpus[j]])
    for i in range(len(corpus))
    for j in range(max(0, i - 2), min(len(corpus), i + 3))
    if i != j
]


class SkipGram(nn.Module):
    def __init__(self, vocab_size, emb_dim):
        super().__init__()
        self.u_embeddings = nn.Embedding(vocab_size, emb_dim)
        self.v_embeddings = nn.Embedding(vocab_size, emb_dim)
        initrange = 0.5 / emb_dim
        self.u_embeddings.weight.data.uniform_(-initrange, initrange)
        self.v_embeddings.weight.data.uniform_(-0, 0)

    def forward(self, pos_u, pos_v, neg_v):
        emb_u = self.u_embeddings(pos_u)
        emb_v = self.v_embeddings(pos_v)
        score = torch.mul(emb_u, emb_v).squeeze()
        score = torch.sum(score, dim=1)
        score = F.logsigmoid(score)
        neg_emb_v = self.v_embeddings(neg_v)
        neg_score = torch.bmm(neg_emb_v, emb_u.unsqueeze(2)).squeeze(2)
        neg_score = F.logsigmoid(-1 * neg_score)
        return -1 * (torch.sum(score) + torch.sum(neg_score)) / pos_u.size(0)


def make():
    return SkipGram(len(vocab), 6)


def train(model, steps, compile):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    freqs = torch.bincount(torch.tensor([vocab[w] for w in corpus])).float().pow(0.75)
    assert abs((freqs / freqs.sum()).sum().item() - 1) < 1e-5

    @compile
    def step(u, v, neg):
        optimizer.zero_grad()
        loss = model(u, v, neg)
        loss.backward()
        optimizer.step()
        return loss

    losses, table = [], torch.tensor(pairs)
    for _ in range(steps):
        batch = table[torch.randint(0, len(pairs), (8,))]
        neg = torch.randint(0, len(vocab), (8, 3))
        losses.append(step(batch[:, 0], batch[:, 1], neg).item())
    with torch.no_grad():
        W = F.normalize(model.u_embeddings.weight, dim=1)
        values, indices = (W @ W[0]).topk(3)
        assert indices[0].item() == 0
        losses.append(values[1].item())
    return losses
