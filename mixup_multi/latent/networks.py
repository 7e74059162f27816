"""Encoders and decoders: convolutions for `(c, h, w)` of any size, linear layers for `(d,)`.

Normalisation is over groups of an example's own channels, so that a code depends on its example
alone, whatever the batch and the mode.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives.objective import TrainingPart

SMALLEST = 4
"""Convolutions halve an image until its longer side is at most so many pixels."""
WIDEST = 4
"""Channels double with each halving, up to so many times the first ones."""
TABLE_WIDTH = 8
"""Hidden layers of tables have so many times as many units as images have first channels."""
GROUPS = 8


class Coder(nn.Module):
    """Encoder and decoder of inputs of one shape.

    Args:
        shape: `(c, h, w)` or `(d,)`.
        latent: the dimensions of the latent space.
        width: channels of the first convolution.

    Attributes:
        shape: as given.

    Raises:
        SettingError: the shape is neither.
    """

    def __init__(self, shape: Sequence[int], latent: int, width: int) -> None:
        super().__init__()
        self.shape = tuple(shape)
        if len(shape) == 3:
            c, h, w = shape
            self.encoder, self.decoder = _convolutions((c, h, w), latent, width)
        elif len(shape) == 1:
            self.encoder, self.decoder = _layers(shape[0], latent, TABLE_WIDTH * width)
        else:
            raise SettingError(
                f"inputs of shape {tuple(shape)} have no encoder here: expected images or"
                " spectrograms (c, h, w), or rows (d,); supply a codec of your own as module:Class"
            )

    def posterior(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Return means and standard deviations of q(z|x), `(n, latent)` each."""
        mean, log_deviation = self.encoder(inputs).chunk(2, 1)
        return mean, torch.exp(log_deviation.clamp(-10, 10))

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the decoder's means at the posteriors' means."""
        reconstructed: Tensor = self.decoder(self.posterior(inputs)[0])
        return reconstructed


def _layers(features: int, latent: int, hidden: int) -> tuple[nn.Module, nn.Module]:
    def chain(first: int, last: int) -> nn.Module:
        return nn.Sequential(
            *(nn.Linear(first, hidden), nn.ReLU()),
            *(nn.Linear(hidden, hidden), nn.ReLU()),
            nn.Linear(hidden, last),
        )

    return chain(features, 2 * latent), chain(latent, features)


def _convolutions(
    shape: tuple[int, int, int], latent: int, first: int
) -> tuple[nn.Module, nn.Module]:
    sizes, widths = [shape[1:]], [first]
    while max(sizes[-1]) > SMALLEST:
        sizes.append((-(-sizes[-1][0] // 2), -(-sizes[-1][1] // 2)))
        widths.append(min(2 * widths[-1], WIDEST * first))
    last = widths[-1], *sizes[-1]
    codes = last[0] * last[1] * last[2]
    down = [_block(shape[0], first)]
    down += [_block(*pair, stride=2) for pair in pairwise(widths)]
    up: list[nn.Module] = []
    for size, (after, before) in reversed(list(zip(sizes, pairwise(widths), strict=False))):
        up += [nn.Upsample(size=size), _block(before, after)]
    return (
        nn.Sequential(*down, nn.Flatten(), nn.Linear(codes, 2 * latent)),
        nn.Sequential(
            *(nn.Linear(latent, codes), nn.Unflatten(1, last), nn.ReLU()),
            *(*up, nn.Conv2d(first, shape[0], 3, padding=1)),
        ),
    )


def _block(before: int, after: int, stride: int = 1) -> nn.Module:
    groups = GROUPS if after % GROUPS == 0 else 1
    convolution = nn.Conv2d(before, after, 3, stride, padding=1)
    return nn.Sequential(convolution, nn.GroupNorm(groups, after), nn.ReLU())


def shape_of(train: TrainingPart) -> tuple[int, ...]:
    """Return the shape of an input of the training part.

    Raises:
        PointError: inputs are no tensors of floating point numbers.
    """
    inputs = train.source.gather(torch.arange(1)).inputs
    if not isinstance(inputs, Tensor) or not inputs.is_floating_point():
        kind = f"{inputs.dtype}" if isinstance(inputs, Tensor) else type(inputs).__name__
        raise PointError(
            f"inputs that are a {kind} have no decoder: expected one tensor of floating point"
            " numbers. One-hot encode the codes of a table; for graphs use varmixup_readout."
        )
    return tuple(inputs.shape[1:])
