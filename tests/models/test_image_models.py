"""Image models: their size, and the images they take."""

from __future__ import annotations

import math

import numpy as np

import tapegraph as tg
from tapegraph.models import LeNet, ResNet


def parameters(model):
    return sum(math.prod(p.shape) for p in model.parameters())


def test_lenet_has_the_parameters_of_the_one_for_mnist():
    model = LeNet()
    assert parameters(model) == 61_706
    assert model(np.zeros((2, 1, 28, 28), "float32")).shape == (2, 10)


def test_resnet_20_has_its_parameters_and_halves_the_image_twice():
    """0.27 million in table 6 of the paper, which counts no 1x1 convolutions."""
    model = ResNet().eval()
    assert parameters(model) - sum(parameters(b.shortcut) for b in model.stages) == 269_722
    seen = []
    model.stages.register_forward_hook(lambda module, args, output: seen.append(output.shape))
    assert model(np.zeros((2, 3, 32, 32), "float32")).shape == (2, 10)
    assert seen == [(2, 64, 8, 8)]


def test_one_compiled_resnet_takes_images_of_every_size():
    tg.manual_seed(0)
    model = ResNet((1, 1), (4, 8), channels=1).double().eval()
    run = tg.compile(model)
    for n, size in ((3, 16), (2, 32), (4, 11)):
        images = np.random.default_rng(0).standard_normal((n, 1, size, size))
        np.testing.assert_allclose(np.asarray(run(images)), np.asarray(model(images)), rtol=1e-9, atol=1e-12)
    assert "ResNet: 1 version compiled" in run.explain()
