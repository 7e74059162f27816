"""The plain convolutional network of Batchout (Subramanya et al., 2018), with its points.

conv 32, 64, pool, 64, 64, 64, pool, then 512 and 512 fully connected units, each followed by
ReLU. The paper perturbs features *before* their ReLU, so that is where the points are. It states
dropout of 0.5 and not where; here it follows the ReLU of each fully connected layer.
"""

from __future__ import annotations

from itertools import pairwise

from torch import nn

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.points import Staged
from mixup_multi_adapters.images.layers import image_shape


def batchout_cnn(
    data: Data,
    *,
    convs: tuple[int, ...] = (32, 64, 64, 64, 64),
    pooled: tuple[int, ...] = (2, 5),
    units: tuple[int, ...] = (512, 512),
    dropout: float = 0.5,
) -> Staged:
    """Build 3 x 3 convolutions and fully connected layers, without normalisation.

    Points: `input`, then `conv1`, `conv2`, ... and `fc1`, `fc2`, ...: what that layer puts out,
    before its ReLU. The paper's MNIST network has two convolutions and 256 units; the widths of
    its convolutions are not known to us (`convs: [32, 64], pooled: [1, 2], units: [256]`).

    Args:
        data: gives the images' shape and the number of classes.
        convs: the convolutions' channels.
        pooled: the convolutions, from 1, after whose ReLU the size is halved (a side of 1 stays).
        units: the fully connected layers' units.
        dropout: probability, in [0, 1), of a unit of these layers to be dropped.

    Raises:
        SettingError: the data are not images, or a setting is out of its range.
    """
    _check(convs, pooled, units, dropout)
    channels, height, width = image_shape(data)
    layers: list[nn.Module] = []
    names = ["input"]
    for number, (into, out) in enumerate(pairwise((channels, *convs)), start=1):
        layers.append(nn.Conv2d(into, out, 3, padding=1))
        names.append(f"conv{number}")
    for _ in pooled:
        height, width = (height + 1) // 2, (width + 1) // 2
    for number, (into, out) in enumerate(pairwise((convs[-1] * height * width, *units)), start=1):
        layers.append(nn.Linear(into, out))
        names.append(f"fc{number}")
    layers.append(nn.Linear(units[-1], len(data.classes)))
    return Staged(
        {
            name: nn.Sequential(*_between(position, len(convs), pooled, dropout), layer)
            for position, (name, layer) in enumerate(zip(names, layers, strict=True))
        }
    )


def _between(done: int, convs: int, pooled: tuple[int, ...], dropout: float) -> list[nn.Module]:
    """Return what stands between a point after `done` layers and the next layer."""
    if not done:
        return []
    parts: list[nn.Module] = [nn.ReLU()]  # not in place: what flows at a point may be kept
    if done in pooled:
        parts.append(nn.MaxPool2d(2, ceil_mode=True))
    if done == convs:
        parts.append(nn.Flatten())
    if done > convs:
        parts.append(nn.Dropout(dropout))
    return parts


def _check(
    convs: tuple[int, ...], pooled: tuple[int, ...], units: tuple[int, ...], dropout: float
) -> None:
    for name, widths in (("convs", convs), ("units", units)):
        if not widths or min(widths) < 1:
            raise SettingError(f"{name}: {list(widths)}; expected one or more whole numbers from 1")
    if len(set(pooled)) != len(pooled) or not set(pooled) <= set(range(1, len(convs) + 1)):
        raise SettingError(
            f"pooled: {list(pooled)}; expected different numbers of convolutions, 1 to {len(convs)}"
        )
    if not 0 <= dropout < 1:
        raise SettingError(f"dropout: {dropout}; expected a probability in [0, 1)")
