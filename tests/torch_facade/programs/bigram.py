"""A bigram language model: the logits of the next character are a row of a table."""

import torch
import torch.nn as nn
from torch.nn import functional as F

text = "the cat sat on the mat. the dog sat on the log. the end."
chars = sorted(set(text))
stoi = {ch: i for i, ch in enumerate(chars)}
itos = {i: ch for ch, i in stoi.items()}
data = torch.tensor([stoi[c] for c in text], dtype=torch.long)
block_size, batch_size = 8, 4


def get_batch():
    ix = torch.randint(len(data) - block_size, (batch_size,))
    x = torch.stack([data[i : i + block_size] for i in ix])
    y = torch.stack([data[i + 1 : i + block_size + 1] for i in ix])
    return x, y


class BigramLanguageModel(nn.Module):
    def __init__(self, vocab_size):
        super().__init__()
        self.token_embedding_table = nn.Embedding(vocab_size, vocab_size)

    def forward(self, idx, targets=None):
        logits = self.token_embedding_table(idx)
        if targets is None:
            return logits, None
        B, T, C = logits.shape
        loss = F.cross_entropy(logits.view(B * T, C), targets.view(B * T))
        return logits, loss

    @torch.no_grad()
    def generate(self, idx, max_new_tokens):
        for _ in range(max_new_tokens):
            logits, _ = self(idx)
            probs = F.softmax(logits[:, -1, :], dim=-1)
            idx_next = torch.multinomial(probs, num_samples=1)
            idx = torch.cat((idx, idx_next), dim=1)
        return idx


def make():
    return BigramLanguageModel(len(chars))


def train(model, steps, compile):
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)

    @compile
    def step(xb, yb):
        _, loss = model(xb, yb)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for _ in range(steps):
        xb, yb = get_batch()
        losses.append(step(xb, yb).item())
    out = model.generate(torch.zeros((1, 1), dtype=torch.long), 12)
    assert len("".join(itos[i] for i in out[0].tolist())) == 13
    return losses
