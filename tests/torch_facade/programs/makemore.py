"""Names by an MLP in raw tensors: embeddings by indexing, batch normalisation by hand, updates of .data by hand."""

import torch
import torch.nn.functional as F

words = ["emma", "olivia", "ava", "isabella", "sophia", "mia", "amelia", "harper", "evelyn", "abigail", "ella", "luna"]
chars = sorted(set("".join(words)))
stoi = {s: i + 1 for i, s in enumerate(chars)}
stoi["."] = 0
block_size = 3


def build_dataset(words):
    X, Y = [], []
    for w in words:
        context = [0] * block_size
        for ch in w + ".":
            ix = stoi[ch]
            X.append(context)
            Y.append(ix)
            context = context[1:] + [ix]
    return torch.tensor(X), torch.tensor(Y)


Xtr, Ytr = build_dataset(words)


def make():
    g = torch.Generator().manual_seed(2147483647)
    n_embd, n_hidden, vocab = 4, 16, len(stoi)
    C = torch.randn((vocab, n_embd), generator=g)
    W1 = torch.randn((n_embd * block_size, n_hidden), generator=g) * (5 / 3) / ((n_embd * block_size) ** 0.5)
    W2 = torch.randn((n_hidden, vocab), generator=g) * 0.01
    b2 = torch.randn(vocab, generator=g) * 0
    bngain = torch.ones((1, n_hidden))
    bnbias = torch.zeros((1, n_hidden))
    parameters = [C, W1, W2, b2, bngain, bnbias]
    for p in parameters:
        p.requires_grad = True
    return parameters


def train(parameters, steps, compile):
    C, W1, W2, b2, bngain, bnbias = parameters
    bnmean_running = torch.zeros((1, 16))
    lossi = []

    def step(Xb, Yb, lr):
        emb = C[Xb]
        embcat = emb.view(emb.shape[0], -1)
        hpreact = embcat @ W1
        bnmeani = hpreact.mean(0, keepdim=True)
        bnstdi = hpreact.std(0, keepdim=True)
        h = torch.tanh(bngain * (hpreact - bnmeani) / bnstdi + bnbias)
        logits = h @ W2 + b2
        loss = F.cross_entropy(logits, Yb)
        for p in parameters:
            p.grad = None
        loss.backward()
        for p in parameters:
            p.data += -lr * p.grad
        return loss, bnmeani

    step = compile(step)
    for i in range(steps):
        ix = torch.randint(0, Xtr.shape[0], (16,))
        lr = 0.1 if i < steps // 2 else 0.01
        loss, bnmeani = step(Xtr[ix], Ytr[ix], lr)
        with torch.no_grad():
            bnmean_running = 0.999 * bnmean_running + 0.001 * bnmeani
        lossi.append(loss.item())
    lossi.append(bnmean_running.abs().sum().item())
    return lossi
