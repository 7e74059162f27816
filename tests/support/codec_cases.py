"""Codecs that a stranger might supply, and a training part to fit ours to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.latent.codec import Codec, Progress


@dataclass(frozen=True)
class Squash:
    """A codec without a fit that loses something, and is not linear: tanh(scale sinh(x))."""

    scale: float = 0.7

    def encode(self, inputs: Tensor) -> Tensor:
        return self.scale * torch.sinh(inputs)

    def decode(self, z: Tensor) -> Tensor:
        return torch.tanh(z)

    def reconstruct(self, inputs: Tensor) -> Tensor:
        return self.decode(self.encode(inputs))


@dataclass(frozen=True)
class Fitted(Codec):
    """A codec that has to be fitted, and can be kept in no file."""

    scale: float = 1.0

    def fit(self, train: Any, progress: Progress = Progress()) -> Squash:  # noqa: B008
        torch.rand(3)  # a stranger who does not mind torch's global generator
        return Squash(self.scale)


class Pretrained(nn.Module):
    """An affine codec with weights, dropout and a mode."""

    def __init__(self) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        matrix = torch.randn(4, 3, generator=generator, dtype=torch.float64)
        self.matrix = nn.Parameter(matrix)
        self.shift = nn.Parameter(torch.ones(4, dtype=torch.float64))
        self.dropout = nn.Dropout(0.5)

    def encode(self, inputs: Tensor) -> Tensor:
        return self.dropout(inputs - self.shift) @ self.matrix

    def decode(self, z: Tensor) -> Tensor:
        return self.dropout(z) @ self.matrix.T + self.shift


class Shortening:
    """A codec of another shape."""

    def encode(self, inputs: Tensor) -> Tensor:
        return inputs.flatten(1)

    def decode(self, z: Tensor) -> Tensor:
        return z[:, :-1]


class Deaf(Codec):
    """A codec whose fit gives nothing that decodes."""

    def fit(self, train: Any, progress: Progress = Progress()) -> Any:  # noqa: B008
        return object()


def source_of(inputs: Tensor, **changes: Any) -> TensorSource:
    """Return inputs with labels of three classes in turn."""
    labels = torch.arange(len(inputs)) % 3
    return TensorSource(inputs, labels, 3, [str(row) for row in range(len(inputs))], **changes)


def data_of(inputs: Tensor, key: str = "key", **changes: Any) -> Data:
    """Return a data set that is trained and tested on `inputs`."""
    source = source_of(inputs, **changes)
    return Data("toy", source, source, None, ("a", "b", "c"), key)


def batch_of(inputs: Tensor) -> Batch:
    """Return a batch made by hand, which no source knows."""
    return Batch(inputs, as_targets(torch.arange(len(inputs)) % 3, 3, inputs.dtype))


def waves(rows: int = 96, side: int = 8) -> Tensor:
    """Return images `(rows, 1, side, side)` in [-1, 1] that three numbers describe."""
    generator = torch.Generator().manual_seed(0)
    across, down, phase = (torch.rand(rows, 1, 1, generator=generator) for _ in range(3))
    place = torch.arange(side) / side
    wave = across * place[None, None, :] + down * place[None, :, None] + phase
    return torch.sin(6 * wave)[:, None]


IN_RANGE = Bounds(torch.tensor(2.0), torch.tensor(-1.0), torch.tensor(1.0), 1.0, "pixels in [0, 1]")
"""Of images that are normalised to [-1, 1]."""
