"""LeNet, VGG-11 and VGG-13 of the MixupE paper's speech rows, as chains of stages.

Channels and layers are those of the code base with matching shapes (adiyoss/GCommandsPytorch);
the models return logits where it returns log-probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torch import nn

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.points import Staged
from mixup_multi_adapters.speech.features import FrontEnd

VGG11 = ((64,), (128,), (256, 256), (512, 512), (512, 512))
VGG13 = ((64, 64), (128, 128), (256, 256), (512, 512), (512, 512))

Size = tuple[int, int, int]


def lenet(data: Data, *, width: float = 1.0, dropout: float = 0.5) -> nn.Module:
    """Two 5x5 convolutions of 20 channels and a hidden layer of 1,000; 16.3 million parameters.

    Points: `input`, (`spectrogram`, where the input is a waveform,) `block2`, `classifier`.

    Args:
        data: the data set the model is for.
        width: multiplies the hidden layers' channels, at least one each.
        dropout: of the second convolution's channels and of the hidden layer.

    Raises:
        SettingError: the inputs are too small, or a setting is out of range.
    """
    _check_dropout(dropout)
    channels, rows, columns = _size_of(data)
    size = [((side - 4) // 2 - 4) // 2 for side in (rows, columns)]
    _check_input("lenet", size, (rows, columns), 16)
    maps, hidden = _scaled(20, width), _scaled(1000, width)
    blocks = [
        nn.Sequential(nn.Conv2d(channels, maps, 5), nn.MaxPool2d(2), nn.ReLU()),
        nn.Sequential(nn.Conv2d(maps, maps, 5), nn.Dropout2d(dropout), nn.MaxPool2d(2), nn.ReLU()),
    ]
    classifier = nn.Sequential(
        nn.Flatten(),
        nn.Linear(maps * size[0] * size[1], hidden),
        nn.ReLU(),
        nn.Dropout(dropout),
        nn.Linear(hidden, len(data.classes)),
    )
    return _staged(data, blocks, classifier)


def vgg11(data: Data, *, width: float = 1.0, dropout: float = 0.0) -> nn.Module:
    """VGG with 8 convolutions in 5 blocks, batch normalisation, and two linear layers.

    Points: `input`, (`spectrogram`, where the input is a waveform,) `block2` .. `block5`,
    `classifier`.

    Args:
        data: the data set the model is for.
        width: multiplies the hidden layers' channels, at least one each.
        dropout: between the two linear layers; the protocol has none (and no ReLU) there.

    Raises:
        SettingError: the inputs are too small, or a setting is out of range.
    """
    return _vgg("vgg11", VGG11, data, width, dropout)


def vgg13(data: Data, *, width: float = 1.0, dropout: float = 0.0) -> nn.Module:
    """VGG with 10 convolutions in 5 blocks; otherwise as `vgg11`.

    Args:
        data: the data set the model is for.
        width: multiplies the hidden layers' channels, at least one each.
        dropout: between the two linear layers; the protocol has none (and no ReLU) there.

    Raises:
        SettingError: the inputs are too small, or a setting is out of range.
    """
    return _vgg("vgg13", VGG13, data, width, dropout)


def _vgg(
    name: str, plan: Sequence[Sequence[int]], data: Data, width: float, dropout: float
) -> nn.Module:
    _check_dropout(dropout)
    channels, rows, columns = _size_of(data)
    size = [side // 2 ** len(plan) for side in (rows, columns)]
    _check_input(name, size, (rows, columns), 2 ** len(plan))
    blocks = []
    for block in plan:
        widths = [_scaled(maps, width) for maps in block]
        blocks.append(_vgg_block(channels, widths))
        channels = widths[-1]
    hidden = _scaled(512, width)
    classifier = nn.Sequential(
        nn.Flatten(),
        nn.Linear(channels * size[0] * size[1], hidden),
        nn.Dropout(dropout),
        nn.Linear(hidden, len(data.classes)),
    )
    return _staged(data, blocks, classifier)


def _vgg_block(channels: int, widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for maps in widths:
        layers += [
            nn.Conv2d(channels, maps, 3, padding=1),
            nn.BatchNorm2d(maps),
            nn.ReLU(inplace=True),
        ]
        channels = maps
    return nn.Sequential(*layers, nn.MaxPool2d(2))


def _staged(data: Data, blocks: Sequence[nn.Module], classifier: nn.Module) -> Staged:
    """Chain the stages; a waveform passes the front end first, so it can be mixed before it."""
    named = {f"block{number}": block for number, block in enumerate(blocks[1:], start=2)}
    rest = {**named, "classifier": classifier}
    if data.facts["features"] == "waveform":
        front_end = FrontEnd(normalise=data.facts["normalise"])
        return Staged({"input": front_end, "spectrogram": blocks[0], **rest})
    return Staged({"input": blocks[0], **rest})


def _size_of(data: Data) -> Size:
    """Return channels, rows and columns of what the first block reads."""
    facts: Mapping[str, object] = data.facts
    shape = FrontEnd().shape if facts.get("features") == "waveform" else facts.get("shape")
    if "features" not in facts or not isinstance(shape, tuple) or len(shape) != 3:
        raise SettingError(
            f"the speech models read spectrograms or waveforms of the speech data sets; {data.name}"
            f" has inputs of shape {shape}"
        )
    return shape


def _scaled(channels: int, width: float) -> int:
    if width <= 0:
        raise SettingError(f"width: {width}; expected a positive number")
    return max(1, round(channels * width))


def _check_dropout(dropout: float) -> None:
    if not 0 <= dropout < 1:
        raise SettingError(f"dropout: {dropout}; expected at least 0 and less than 1")


def _check_input(name: str, size: Sequence[int], given: Sequence[int], least: int) -> None:
    if min(size) < 1:
        raise SettingError(
            f"{name}: inputs of {given[0]} x {given[1]} are too small; expected at least"
            f" {least} x {least}, e.g. by more mels"
        )
