"""A child-sum TreeLSTM over nested tuples: the graph has another shape for every tree."""

import torch
import torch.nn as nn
import torch.nn.functional as F


class ChildSumTreeLSTM(nn.Module):
    def __init__(self, in_dim, mem_dim):
        super().__init__()
        self.mem_dim = mem_dim
        self.ioux = nn.Linear(in_dim, 3 * mem_dim)
        self.iouh = nn.Linear(mem_dim, 3 * mem_dim)
        self.fx = nn.Linear(in_dim, mem_dim)
        self.fh = nn.Linear(mem_dim, mem_dim)

    def node_forward(self, inputs, child_c, child_h):
        child_h_sum = torch.sum(child_h, dim=0, keepdim=True)
        iou = self.ioux(inputs) + self.iouh(child_h_sum)
        i, o, u = torch.split(iou, iou.size(1) // 3, dim=1)
        i, o, u = torch.sigmoid(i), torch.sigmoid(o), torch.tanh(u)
        f = torch.sigmoid(self.fh(child_h) + self.fx(inputs).repeat(len(child_h), 1))
        fc = torch.mul(f, child_c)
        c = torch.mul(i, u) + torch.sum(fc, dim=0, keepdim=True)
        return c, torch.mul(o, torch.tanh(c))

    def forward(self, tree, embed):
        word, children = tree
        states = [self.forward(child, embed) for child in children]
        if states:
            child_c, child_h = (torch.cat(s, dim=0) for s in zip(*states))
        else:
            child_c = torch.zeros(1, self.mem_dim)
            child_h = torch.zeros(1, self.mem_dim)
        return self.node_forward(embed(torch.tensor([word])), child_c, child_h)


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.emb = nn.Embedding(9, 5, padding_idx=0)
        self.tree = ChildSumTreeLSTM(5, 6)
        self.out = nn.Linear(6, 3)

    def forward(self, tree):
        _, h = self.tree(tree, self.emb)
        return self.out(h)


trees = [
    ((1, [(2, []), (3, [(4, []), (5, [])])]), 0),
    ((6, [(7, [(8, [])])]), 1),
    ((2, []), 2),
    ((3, [(1, []), (1, []), (4, [])]), 1),
]


def make():
    return Classifier()


def train(model, steps, compile):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    losses = []
    for _ in range(steps):
        total = 0.0
        optimizer.zero_grad()
        for tree, label in trees:
            loss = F.cross_entropy(model(tree), torch.tensor([label])) / len(trees)
            loss.backward()
            total += loss.item()
        optimizer.step()
        losses.append(total)
    return losses
