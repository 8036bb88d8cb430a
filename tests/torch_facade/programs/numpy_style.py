"""A two-layer network in raw tensors: gradients by hand, then by autograd, updated in place under no_grad."""

import torch

dtype = torch.float
device = torch.device("cpu")


def make():
    return [torch.randn(10, 8, device=device, dtype=dtype), torch.randn(8, 3, device=device, dtype=dtype)]


def train(weights, steps, compile):
    w1, w2 = weights
    x, y = torch.randn(16, 10, device=device, dtype=dtype), torch.randn(16, 3, device=device, dtype=dtype)
    losses = []
    for _ in range(steps):
        h = x.mm(w1)
        h_relu = h.clamp(min=0)
        y_pred = h_relu.mm(w2)
        losses.append((y_pred - y).pow(2).sum().item())
        grad_y_pred = 2.0 * (y_pred - y)
        grad_w2 = h_relu.t().mm(grad_y_pred)
        grad_h_relu = grad_y_pred.mm(w2.t())
        grad_h = grad_h_relu.clone()
        grad_h[h < 0] = 0
        w1 -= 1e-4 * x.t().mm(grad_h)
        w2 -= 1e-4 * grad_w2
    w1, w2 = (w.detach().clone().requires_grad_(True) for w in (w1, w2))
    for _ in range(steps):
        loss = (x.mm(w1).clamp(min=0).mm(w2) - y).pow(2).sum()
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            w1 -= 1e-4 * w1.grad
            w2 -= 1e-4 * w2.grad
            w1.grad.zero_()
            w2.grad.zero_()
    return losses
