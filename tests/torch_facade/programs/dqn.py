"""Deep Q-learning on a corridor: a target network, soft updates, masks of final states, clipped gradient values."""

import copy
import random
from collections import deque, namedtuple

import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

Transition = namedtuple("Transition", ("state", "action", "next_state", "reward"))


class DQN(nn.Module):
    def __init__(self, n_observations, n_actions):
        super(DQN, self).__init__()
        self.layer1 = nn.Linear(n_observations, 16)
        self.layer2 = nn.Linear(16, n_actions)

    def forward(self, x):
        return self.layer2(F.relu(self.layer1(x)))


def make():
    return DQN(3, 2)


def observe(place):
    return torch.tensor([place / 5.0, (5 - place) / 5.0, 1.0], dtype=torch.float32).unsqueeze(0)


def train(policy_net, steps, compile):
    rng = random.Random(0)
    target_net = copy.deepcopy(policy_net)
    target_net.load_state_dict(policy_net.state_dict())
    target_net.eval()
    optimizer = optim.AdamW(policy_net.parameters(), lr=1e-2, amsgrad=True)
    memory = deque([], maxlen=200)
    place, losses = 0, []
    for _ in range(10 * steps):
        state = observe(place)
        if rng.random() < 0.3:
            action = torch.tensor([[rng.randrange(2)]], dtype=torch.long)
        else:
            with torch.no_grad():
                action = policy_net(state).max(1).indices.view(1, 1)
        place = max(0, place + (1 if action.item() == 1 else -1))
        done = place == 5
        reward = torch.tensor([1.0 if done else -0.1])
        memory.append(Transition(state, action, None if done else observe(place), reward))
        place = 0 if done else place
        if len(memory) < 16:
            continue
        batch = Transition(*zip(*rng.sample(list(memory), 16)))
        non_final_mask = torch.tensor(tuple(map(lambda s: s is not None, batch.next_state)), dtype=torch.bool)
        non_final_next_states = torch.cat([s for s in batch.next_state if s is not None])
        state_batch, action_batch, reward_batch = (
            torch.cat(batch.state),
            torch.cat(batch.action),
            torch.cat(batch.reward),
        )
        state_action_values = policy_net(state_batch).gather(1, action_batch)
        next_state_values = torch.zeros(16)
        with torch.no_grad():
            next_state_values[non_final_mask] = target_net(non_final_next_states).max(1).values
        expected = (next_state_values * 0.9) + reward_batch
        loss = nn.SmoothL1Loss()(state_action_values, expected.unsqueeze(1))
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_value_(policy_net.parameters(), 100)
        optimizer.step()
        target_dict, policy_dict = target_net.state_dict(), policy_net.state_dict()
        for key in policy_dict:
            target_dict[key] = policy_dict[key] * 0.05 + target_dict[key] * 0.95
        target_net.load_state_dict(target_dict)
        for target_param, param in zip(target_net.parameters(), policy_net.parameters()):
            target_param.data.copy_(0.05 * param.data + 0.95 * target_param.data)
        losses.append(loss.item())
    return losses
