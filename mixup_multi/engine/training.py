"""What an objective is shown of the data before training: the training part, nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, Source
from mixup_multi.tree import Tree

Workshop = Callable[[Any, Data], Any]
"""`workshop(codec, data)`: the codec, fitted to the training part of `data`."""


def at_once(codec: Any, data: Data) -> Any:
    """Fit a codec here and keep it nowhere."""
    return codec.fit(Training(data)) if hasattr(codec, "fit") else codec


@dataclass(frozen=True)
class Training:
    """The training part of `data`; codecs come from the workshop."""

    data: Data
    workshop: Workshop = at_once

    @property
    def key(self) -> str:
        """A hash of the data set's content."""
        return self.data.key

    @property
    def source(self) -> Source:
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
        """Return a codec that is fitted to the training part."""
        return self.workshop(codec, self.data)


@dataclass(frozen=True)
class Glance(Training):
    """The training part for a first look at settings: nothing is computed that takes long."""

    def mean(self) -> None:
        """Return None, for which methods have a substitute."""

    def fitted(self, codec: Any) -> Any:
        """Return the codec as it is."""
        return codec
