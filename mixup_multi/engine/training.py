"""What an objective is shown of the data before training: the training part, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.engine.cache import content_key
from mixup_multi.engine.source import Data, Source
from mixup_multi.objectives.objective import Rows
from mixup_multi.tree import Tree

__all__ = ["Rehearsal", "Training", "at_once"]

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Training:
    """The training part of `data`; codecs come from the workshop.

    Attributes:
        data: the data set.
        workshop: fits codecs, or has kept them.
        device: where models are trained.
    """

    data: Data
    workshop: Workshop = field(default_factory=lambda: at_once)
    device: torch.device = CPU

    @property
    def key(self) -> str:
        """A hash of the data set's content and of which examples are the training part.

        The data set's own key may be that of all its splits: what is fitted needs the split's.
        """
        return content_key(self.data.key, "\n".join(self.data.train.ids))

    @property
    def source(self) -> Rows:
        """The examples."""
        return self.data.train

    def mean(self) -> Tree | None:
        """Return the mean input, un-augmented; None where it has no meaning (graphs)."""
        return self.data.train.mean()

    def bounds(self) -> Bounds | None:
        """Return what a legal perturbation of an input is; None where the adapter has not said."""
        said: Bounds | Callable[[], Bounds] | None = getattr(self.data.train, "bounds", None)
        return said() if callable(said) else said

    def fitted(self, codec: Any) -> Any:
        """Return a codec that is fitted to the training part, on the device.

        Torch's global generators stay as they are, whatever the codec does.
        """
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices):
            made = self.workshop(codec, self)
        return made.to(self.device) if isinstance(made, torch.nn.Module) else made


Workshop = Callable[[Any, Training], Any]
"""`workshop(codec, train)`: the codec, fitted to the training part."""


def at_once(codec: Any, train: Training) -> Any:
    """Fit a codec here and keep it nowhere."""
    return codec.fit(train) if hasattr(codec, "fit") else codec


def _rehearsed(codec: Any, train: Training) -> Any:
    return codec.rehearse(train) if hasattr(codec, "rehearse") else codec


@dataclass(frozen=True)
class Rehearsal(Training):
    """As much of it as a step needs that is tried before any training, and at no cost.

    Only the first two examples are there, their mean is not taken, and no codec is fitted.
    """

    workshop: Workshop = field(default_factory=lambda: _rehearsed)

    @property
    def source(self) -> Rows:
        """The first two examples."""
        return _First(self.data.train, 2)

    def mean(self) -> None:
        """Return None, as where a mean has no meaning."""


@dataclass(frozen=True)
class _First:
    """The first examples of a source."""

    source: Source
    most: int

    def __len__(self) -> int:
        return min(self.most, len(self.source))

    def gather(self, index: Tensor) -> Batch:
        return self.source.gather(index)
