"""A critic with a gradient penalty: gradients of gradients through torch.autograd.grad."""

import torch
import torch.nn as nn


def make():
    return nn.Sequential(nn.Linear(2, 16), nn.Softplus(), nn.Linear(16, 1))


def gradient_penalty(critic, real, fake, alpha):
    interpolates = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    d_interpolates = critic(interpolates)
    (gradients,) = torch.autograd.grad(
        outputs=d_interpolates,
        inputs=interpolates,
        grad_outputs=torch.ones_like(d_interpolates),
        create_graph=True,
        retain_graph=True,
        only_inputs=True,
    )
    return ((gradients.norm(2, dim=1) - 1) ** 2).mean()


def train(critic, steps, compile):
    optimizer = torch.optim.Adam(critic.parameters(), lr=1e-3)

    def step(real, fake, alpha):
        optimizer.zero_grad()
        loss = critic(fake).mean() - critic(real).mean() + 10.0 * gradient_penalty(critic, real, fake, alpha)
        loss.backward()
        optimizer.step()
        return loss

    step = compile(step)
    return [step(torch.randn(8, 2) + 1, torch.randn(8, 2), torch.rand(8, 1)).item() for _ in range(steps)]
