"""Backpropagation by hand, checked against .grad of intermediate tensors that retain_grad keeps."""

import torch
import torch.nn.functional as F


def make():
    return [torch.randn((6, 8)) * 0.3, torch.randn(8) * 0.1, torch.randn((8, 5)) * 0.2, torch.randn(5) * 0.1]


def cmp(dt, t):
    return torch.allclose(dt, t.grad, atol=1e-6)


def train(parameters, steps, compile):
    W1, b1, W2, b2 = parameters
    for p in parameters:
        p.requires_grad = True
    losses = []
    for _ in range(steps):
        X = torch.randn((12, 6))
        Y = torch.randint(0, 5, (12,))
        n = X.shape[0]
        hpre = X @ W1 + b1
        h = torch.tanh(hpre)
        logits = h @ W2 + b2
        logit_maxes = logits.max(1, keepdim=True).values
        norm_logits = logits - logit_maxes
        counts = norm_logits.exp()
        counts_sum = counts.sum(1, keepdims=True)
        probs = counts * counts_sum**-1
        logprobs = probs.log()
        loss = -logprobs[range(n), Y].mean()
        for p in parameters:
            p.grad = None
        for t in [logprobs, probs, counts, norm_logits, logits, h, hpre]:
            t.retain_grad()
        loss.backward()

        dlogprobs = torch.zeros_like(logprobs)
        dlogprobs[range(n), Y] = -1.0 / n
        dprobs = (1.0 / probs) * dlogprobs
        dlogits = F.softmax(logits, 1)
        dlogits[range(n), Y] -= 1
        dlogits /= n
        dh = dlogits @ W2.T
        dhpre = (1.0 - h**2) * dh
        assert cmp(dlogprobs, logprobs) and cmp(dprobs, probs) and cmp(dlogits, logits)
        assert cmp(dh, h) and cmp(dhpre, hpre)
        assert cmp(X.T @ dhpre, W1) and cmp(dhpre.sum(0), b1) and cmp(h.T @ dlogits, W2) and cmp(dlogits.sum(0), b2)
        with torch.no_grad():
            for p in parameters:
                p -= 0.5 * p.grad
        losses.append(loss.item())
    return losses
