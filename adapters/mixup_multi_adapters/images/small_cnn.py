"""A small convolutional network for two cores: about 57,000 parameters at its default width."""

from __future__ import annotations

from torch import nn

from mixup_multi.engine.source import Data
from mixup_multi.points import Staged
from mixup_multi_adapters.images.layers import check_positive, head, image_shape


def small_cnn(data: Data, *, width: int = 32) -> Staged:
    """Build three blocks of 3 x 3 convolution, batch normalisation and ReLU, and a linear head.

    The size is halved after the first and after the second block, where it is above 1, so images
    from 1 x 1 on will do. The widths are `width`, `2 width` and `2 width`.

    Points: `input`, `block2`, `block3`, `head`.

    Args:
        data: gives the images' shape and the number of classes.
        width: channels of the first block.

    Raises:
        SettingError: the data are not images, or the width is below 1.
    """
    check_positive(width=width)
    channels, *_ = image_shape(data)
    # Rounding up, a side of 1 stays 1.
    halve = nn.MaxPool2d(2, ceil_mode=True)
    return Staged(
        {
            "input": nn.Sequential(_block(channels, width), halve),
            "block2": nn.Sequential(_block(width, 2 * width), halve),
            "block3": _block(2 * width, 2 * width),
            "head": head(2 * width, len(data.classes)),
        }
    )


def _block(channels: int, width: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, width, 3, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    )
