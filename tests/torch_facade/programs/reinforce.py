"""REINFORCE with a baseline on a bandit-like corridor: Categorical, log_prob, standardised returns."""

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.distributions import Categorical

eps = np.finfo(np.float32).eps.item()


class Policy(nn.Module):
    def __init__(self):
        super().__init__()
        self.affine1 = nn.Linear(4, 12)
        self.action_head = nn.Linear(12, 2)
        self.value_head = nn.Linear(12, 1)
        self.saved_actions = []
        self.rewards = []

    def forward(self, x):
        x = F.relu(self.affine1(x))
        return F.softmax(self.action_head(x), dim=-1), self.value_head(x)


def make():
    return Policy()


def train(policy, steps, compile):
    optimizer = torch.optim.Adam(policy.parameters(), lr=3e-2)
    rng = np.random.default_rng(0)
    losses = []
    for _ in range(steps):
        state = rng.normal(size=4).astype(np.float32)
        for t in range(6):
            probs, value = policy(torch.from_numpy(state).float())
            m = Categorical(probs)
            action = torch.tensor(int(rng.random() < probs[1].item()))
            policy.saved_actions.append((m.log_prob(action), value, m.entropy()))
            policy.rewards.append(float(action.item() == (state[0] > 0)))
            state = rng.normal(size=4).astype(np.float32)
        R, returns = 0, []
        for r in policy.rewards[::-1]:
            R = r + 0.9 * R
            returns.insert(0, R)
        returns = torch.tensor(returns)
        returns = (returns - returns.mean()) / (returns.std() + eps)
        policy_losses, value_losses = [], []
        for (log_prob, value, entropy), R in zip(policy.saved_actions, returns):
            advantage = R - value.item()
            policy_losses.append(-log_prob * advantage - 0.01 * entropy)
            value_losses.append(F.smooth_l1_loss(value, torch.tensor([R])))
        optimizer.zero_grad()
        loss = torch.stack(policy_losses).sum() + torch.stack(value_losses).sum()
        loss.backward()
        optimizer.step()
        del policy.rewards[:]
        del policy.saved_actions[:]
        losses.append(loss.item())
    return losses
