"""y = a + b P3(c + d x) fitted to a sine with a torch.autograd.Function of one's own and a manual update."""

import math

import torch


class LegendrePolynomial3(torch.autograd.Function):
    @staticmethod
    def forward(ctx, input):
        ctx.save_for_backward(input)
        return 0.5 * (5 * input**3 - 3 * input)

    @staticmethod
    def backward(ctx, grad_output):
        (input,) = ctx.saved_tensors
        return grad_output * 1.5 * (5 * input**2 - 1)


def make():
    a = torch.full((), 0.0, requires_grad=True)
    b = torch.full((), -1.0, requires_grad=True)
    c = torch.full((), 0.0, requires_grad=True)
    d = torch.full((), 0.3, requires_grad=True)
    return [a, b, c, d]


def train(parameters, steps, compile):
    a, b, c, d = parameters
    x = torch.linspace(-math.pi, math.pi, 200)
    y = torch.sin(x)
    P3 = LegendrePolynomial3.apply
    learning_rate = 5e-5

    @compile
    def step(x, y):
        y_pred = a + b * P3(c + d * x)
        loss = (y_pred - y).pow(2).sum()
        loss.backward()
        with torch.no_grad():
            a.sub_(learning_rate * a.grad)
            b.sub_(learning_rate * b.grad)
            c.sub_(learning_rate * c.grad)
            d.sub_(learning_rate * d.grad)
            for p in (a, b, c, d):
                p.grad = None
        return loss

    return [step(x, y).item() for _ in range(steps)]
