"""LeNet: a small convolutional network for images of one character."""

from __future__ import annotations

from typing import Any

from tapegraph import nn


class LeNet(nn.Module):
    """Two convolutions with pooling, then three linear layers: [n, channels, size, size] to scores [n, classes].

    ``size``: of the images, a multiple of 4 such as 28 for MNIST, for which the windows of the convolutions are 5x5 as
    in the paper. For images of less than 20 pixels (8 for ``data.digits``) they are 3x3, and padded. Unlike the paper:
    maximum pooling, relu, and all channels joined to all.

    Source: LeCun, Bottou, Bengio and Haffner 1998, "Gradient-based learning applied to document recognition" (LeNet-5).
    """

    def __init__(self, classes: int = 10, *, channels: int = 1, size: int = 28) -> None:
        super().__init__()
        window, padding = (5, 0) if size >= 20 else (3, 1)
        side = (size // 2 + 2 * padding - window + 1) // 2  # of what the linear layers are given
        self.features = nn.Sequential(
            nn.Conv2d(channels, 6, window, padding=window // 2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(6, 16, window, padding=padding),
            nn.ReLU(),
            nn.MaxPool2d(2),
        )
        self.classifier = nn.Sequential(
            nn.Flatten(),
            nn.Linear(16 * side**2, 120),
            nn.ReLU(),
            nn.Linear(120, 84),
            nn.ReLU(),
            nn.Linear(84, classes),
        )

    def forward(self, images: Any) -> Any:
        return self.classifier(self.features(images))
