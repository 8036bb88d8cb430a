"""The residual network: blocks that add what they compute to what they were given."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tapegraph as tg
from tapegraph import nn

F = nn.functional


class BasicBlock(nn.Module):
    """relu(x + norm(conv(relu(norm(conv(x)))))): [n, before, h, w] to [n, after, h / stride, w / stride].

    Where the shapes differ, x goes through a 1x1 convolution first (option B of the paper).
    """

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride=stride, bias=False), nn.BatchNorm2d(after))

    def forward(self, x: Any) -> Any:
        y = F.relu(self.norm1(self.conv1(x)))
        y = self.norm2(self.conv2(y))
        return F.relu(y + self.shortcut(x))


class ResNet(nn.Module):
    """A convolution, stages of residual blocks, the mean over the image, a linear layer: [n, channels, h, w] to [n, classes].

    ``blocks``: how many in each stage; ``widths``: its channels; every stage but the first halves the image. The
    defaults are ResNet-20 for images of 32x32 (section 4.2 of the paper). Convolutions begin with He's normal weights.

    Source: He, Zhang, Ren and Sun 2016, "Deep residual learning for image recognition".
    """

    def __init__(
        self,
        blocks: Sequence[int] = (3, 3, 3),
        widths: Sequence[int] = (16, 32, 64),
        *,
        classes: int = 10,
        channels: int = 3,
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, widths[0], 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(widths[0])
        self.stages = nn.Sequential()
        before = widths[0]
        for number, (count, width) in enumerate(zip(blocks, widths, strict=True)):
            for block in range(count):
                self.stages.append(BasicBlock(before, width, stride=2 if number and not block else 1))
                before = width
        self.classifier = nn.Linear(before, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Any) -> Any:
        x = F.relu(self.norm(self.conv(images)))
        x = self.stages(x)
        return self.classifier(tg.mean(x, axis=(2, 3)))
