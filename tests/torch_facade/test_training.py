"""Optimizers, schedules and loaders of the facade against PyTorch's."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import tapegraph.torch as facade
from tapegraph import optim as ours

LIBRARIES = (torch, facade)
OPTIMIZERS = {
    "SGD": {"lr": 0.1, "momentum": 0.9, "weight_decay": 0.01},
    "Adam": {"lr": 0.1, "foreach": False},
    "AdamW": {"lr": 0.1, "amsgrad": True},
    "RMSprop": {"lr": 0.05, "momentum": 0.5},
    "Adagrad": {"lr": 0.3},
}
SCHEDULES = {
    "StepLR": {"step_size": 2, "gamma": 0.5},
    "MultiStepLR": {"milestones": [1, 3]},
    "ExponentialLR": {"gamma": 0.8},
    "CosineAnnealingLR": {"T_max": 4},
    "LambdaLR": {"lr_lambda": lambda epoch: 0.9**epoch},
    "OneCycleLR": {"max_lr": 1.0, "total_steps": 6},
}


def weights(library):
    w = library.tensor([[1.0, -2.0], [3.0, 0.5]], requires_grad=True)
    b = library.nn.Parameter(library.tensor([0.1, 0.2]))
    return w, b


def loss_of(w, b):
    return ((w * 3 + b) ** 2).sum() + b.sin().sum()


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_plain_leaves_and_parameters_are_trained(name):
    results = []
    for library in LIBRARIES:
        w, b = weights(library)
        groups = [{"params": [w]}, {"params": [b], "lr": 0.02}]
        optimizer = getattr(library.optim, name)(groups, **OPTIMIZERS[name])
        for _ in range(4):
            optimizer.zero_grad()
            loss_of(w, b).backward()
            optimizer.step()
            optimizer.param_groups[0]["lr"] *= 0.5
        results.append([w, b, library.tensor([g["lr"] for g in optimizer.param_groups])])
        assert optimizer.param_groups[0]["params"][0] is w
    for wanted, found in zip(*results):
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-4)


@pytest.mark.parametrize("name", SCHEDULES)
def test_schedules(name):
    rates = []
    for library in LIBRARIES:
        w, b = weights(library)
        optimizer = library.optim.SGD([w, b], lr=0.1)
        scheduler = getattr(library.optim.lr_scheduler, name)(optimizer, **SCHEDULES[name])
        seen = []
        for _ in range(5):
            loss_of(w, b).backward()
            optimizer.step()
            scheduler.step()
            seen.append(scheduler.get_last_lr()[0])
        rates.append(seen)
    np.testing.assert_allclose(rates[1], rates[0], rtol=1e-5)


def test_the_optimizers_are_those_of_tapegraph():
    w, b = weights(facade)
    optimizer = facade.optim.Adam([w, b])
    assert type(optimizer._inner) is ours.Adam
    with pytest.raises(RuntimeError, match="non-leaf"):
        facade.optim.SGD([w * 2], lr=0.1)
    with pytest.raises(ValueError, match="empty"):
        facade.optim.SGD([], lr=0.1)


def test_an_optimizer_and_a_schedule_of_ones_own():
    results = []
    for library in LIBRARIES:

        class Signs(library.optim.Optimizer):
            def __init__(self, params, lr=0.1):
                super().__init__(params, {"lr": lr})

            @library.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        state["step"] = state.get("step", 0) + 1
                        p.add_(p.grad.sign(), alpha=-group["lr"] / state["step"])

        class Halving(library.optim.lr_scheduler.LRScheduler):
            def get_lr(self):
                return [base * 0.5**self.last_epoch for base in self.base_lrs]

        w, b = weights(library)
        optimizer = Signs([w, b])
        scheduler = Halving(optimizer)
        for _ in range(3):
            optimizer.zero_grad()
            loss_of(w, b).backward()
            optimizer.step()
            scheduler.step()
        results.append([w, b])
    for wanted, found in zip(*results):
        np.testing.assert_allclose(found.detach().numpy(), wanted.detach().numpy(), rtol=1e-5)


def test_loaders():
    data = facade.utils.data
    x, y = facade.arange(20.0).view(10, 2), facade.arange(10)
    dataset = data.TensorDataset(x, y)
    assert type(dataset[3][0]) is facade.Tensor and dataset[3][0].tolist() == [6.0, 7.0]
    batches = list(data.DataLoader(dataset, batch_size=4))
    assert [b[0].shape for b in batches] == [(4, 2), (4, 2), (2, 2)] and batches[1][1].tolist() == [4, 5, 6, 7]
    facade.manual_seed(1)
    loader = data.DataLoader(dataset, batch_size=10, shuffle=True)
    (first,), (second,) = list(loader), list(loader)
    assert first[1].tolist() != second[1].tolist() and sorted(first[1].tolist()) == list(range(10))
    facade.manual_seed(1)
    assert next(iter(data.DataLoader(dataset, batch_size=10, shuffle=True)))[1].tolist() == first[1].tolist()

    class Words(data.Dataset):
        def __len__(self):
            return 3

        def __getitem__(self, i):
            return {"x": facade.ones(i + 1), "n": i, "s": "ab"[i % 2]}

    def collate(samples):
        padded = facade.nn.utils.rnn.pad_sequence([s["x"] for s in samples], batch_first=True)
        return padded, facade.tensor([s["n"] for s in samples])

    ((padded, n),) = list(data.DataLoader(Words(), batch_size=3, collate_fn=collate))
    assert padded.shape == (3, 3) and n.tolist() == [0, 1, 2] and type(padded) is facade.Tensor
    one = next(iter(data.DataLoader(Words(), batch_size=1)))
    assert one["x"].shape == (1, 1) and one["s"] == ["a"]
    parts = data.random_split(dataset, [7, 3], generator=facade.Generator().manual_seed(0))
    assert sorted([int(p[1]) for part in parts for p in part]) == list(range(10))


def test_packed_sequences():
    results = []
    for library in LIBRARIES:
        rnn = library.nn.utils.rnn
        rows = [library.arange(3.0), library.arange(2.0) + 10, library.tensor([5.0])]
        padded = rnn.pad_sequence(rows)
        packed = rnn.pack_padded_sequence(padded, library.tensor([3, 2, 1]))
        back, lengths = rnn.pad_packed_sequence(packed, batch_first=True)
        results.append([padded, packed.data, packed.batch_sizes, back, lengths])
    for wanted, found in zip(*results):
        np.testing.assert_array_equal(found.numpy(), wanted.numpy())


@pytest.mark.parametrize("name", ["Normal", "Categorical", "Bernoulli", "Uniform"])
def test_distributions(name):
    given = {
        "Normal": lambda t: (t.tensor([0.0, 1.0]), t.tensor([1.0, 2.0])),
        "Categorical": lambda t: (t.tensor([[0.2, 0.3, 0.5], [0.1, 0.1, 0.8]]),),
        "Bernoulli": lambda t: (t.tensor([0.3, 0.9]),),
        "Uniform": lambda t: (t.tensor([0.0, 1.0]), t.tensor([2.0, 4.0])),
    }[name]
    values = {"Categorical": [2, 0], "Bernoulli": [1.0, 0.0]}.get(name, [0.5, 1.5])
    results = []
    for library in LIBRARIES:
        made = getattr(library.distributions, name)(*given(library))
        assert made.sample((5,)).shape == (5, 2)
        results.append([made.log_prob(library.tensor(values)), made.entropy()])
    for wanted, found in zip(*results):
        np.testing.assert_allclose(found.numpy(), wanted.numpy(), rtol=1e-5)
    if name != "Uniform":
        kls = []
        for library in LIBRARIES:
            kind = getattr(library.distributions, name)
            other = kind(*(a.flip(0) for a in given(library)))
            kls.append(library.distributions.kl_divergence(kind(*given(library)), other))
        np.testing.assert_allclose(kls[1].numpy(), kls[0].numpy(), rtol=1e-4)
