"""A classifier of handwritten digits: Dataset, DataLoader, a schedule, an evaluation with no_grad, a checkpoint."""

import os
import tempfile

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, Dataset, TensorDataset


class Blobs(Dataset):
    def __init__(self, n, transform=None):
        rng = np.random.default_rng(0)
        self.labels = rng.integers(0, 4, n)
        self.images = (rng.normal(size=(n, 6)) + 2 * np.eye(4, 6)[self.labels]).astype(np.float32)
        self.transform = transform

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, idx):
        image, label = torch.from_numpy(self.images[idx]), int(self.labels[idx])
        return (self.transform(image) if self.transform else image), label


class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.fc1 = nn.Linear(6, 16)
        self.dropout = nn.Dropout(0.0)
        self.fc2 = nn.Linear(16, 4)

    def forward(self, x):
        x = torch.flatten(x, 1)
        x = self.dropout(F.relu(self.fc1(x)))
        return F.log_softmax(self.fc2(x), dim=1)


def make():
    return Net()


def test(model, device, test_loader):
    model.eval()
    test_loss, correct = 0, 0
    with torch.no_grad():
        for data, target in test_loader:
            data, target = data.to(device), target.to(device)
            output = model(data)
            test_loss += F.nll_loss(output, target, reduction="sum").item()
            pred = output.argmax(dim=1, keepdim=True)
            correct += pred.eq(target.view_as(pred)).sum().item()
    return test_loss / len(test_loader.dataset), correct


def train(model, steps, compile):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model = model.to(device)
    train_loader = DataLoader(Blobs(48, lambda x: (x - 0.1) / 0.9), batch_size=20, shuffle=False, num_workers=0)
    held_out = Blobs(16)
    test_loader = DataLoader(TensorDataset(torch.tensor(held_out.images), torch.tensor(held_out.labels)), batch_size=5)
    optimizer = optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    scheduler = StepLR(optimizer, step_size=1, gamma=0.7)

    @compile
    def step(data, target):
        optimizer.zero_grad()
        loss = F.nll_loss(model(data), target)
        loss.backward()
        optimizer.step()
        return loss

    losses = []
    for _ in range(3):
        model.train()
        for data, target in train_loader:
            losses.append(step(data.to(device), target.to(device)).item())
        losses.extend(test(model, device, test_loader))
        scheduler.step()
        losses.append(optimizer.param_groups[0]["lr"])
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "checkpoint.pt")
        torch.save({"epoch": 3, "model": model.state_dict(), "optimizer": optimizer.state_dict()}, path)
        checkpoint = torch.load(path, map_location=device)
    with torch.no_grad():
        model.fc1.weight.zero_()
    model.load_state_dict(checkpoint["model"])
    optimizer.load_state_dict(checkpoint["optimizer"])
    losses.extend(test(model, device, test_loader))
    return losses
