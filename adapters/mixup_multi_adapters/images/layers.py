"""What the image models have in common: their entrance, their exit, and checked settings."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError


def image_shape(data: Data) -> tuple[int, int, int]:
    """Return (channels, height, width) of what a model will read, from the first example.

    Raises:
        SettingError: the data are not images.
    """
    inputs = data.train.gather(torch.zeros(1, dtype=torch.int64)).inputs
    if not isinstance(inputs, Tensor) or inputs.dim() != 4:
        found = list(inputs.shape[1:]) if isinstance(inputs, Tensor) else type(inputs).__name__
        raise SettingError(
            f"an image model reads tensors (channels, height, width), but {data.name} gives"
            f" {found}; choose a model of its own modality"
        )
    channels, height, width = inputs.shape[1:]
    return channels, height, width


def check_positive(**settings: float) -> None:
    """Raise `SettingError` where a setting is not at least 1."""
    for name, value in settings.items():
        if value < 1:
            raise SettingError(f"{name}: {value}; expected at least 1")


def stem(data: Data, channels: int, stride: int | None, bias: bool) -> nn.Conv2d:
    """Return the 3 x 3 convolution at the entrance, with no normalisation of its own.

    Args:
        data: whose images it reads.
        channels: that it gives.
        stride: None for the protocol's: 2 for images of 64 pixels and more, else 1.
        bias: whether it has one.

    Raises:
        SettingError: the data are not images, or the stride is below 1.
    """
    colours, height, width = image_shape(data)
    if stride is None:
        stride = 2 if min(height, width) >= 64 else 1
    check_positive(stem_stride=stride)
    return nn.Conv2d(colours, channels, 3, stride=stride, padding=1, bias=bias)


def norm_relu(channels: int, momentum: float = 0.1) -> nn.Sequential:
    """Return batch normalisation and ReLU, the pre-activation of a convolution."""
    return nn.Sequential(nn.BatchNorm2d(channels, momentum=momentum), nn.ReLU(inplace=True))


def head(channels: int, classes: int) -> nn.Sequential:
    """Return the mean over all places and the linear layer.

    The mean is over whatever is left of the image, which for the published image sizes is the
    fixed window of the reference code (4 x 4, for wide ResNets 8 x 8).
    """
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))
