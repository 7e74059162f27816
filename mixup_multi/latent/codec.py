"""The contract of a codec: settings that are fitted to data, and what comes of it.

A fitted codec is anything with `encode` and `decode`, and deterministic. A stranger's that needs
no fit (a pretrained one) is named in a recipe as `module:Class`; one that is fitted derives from
`Codec`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol

from torch import Tensor

from mixup_multi import door
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.tree import Tree


class FittedCodec(Protocol):
    """Takes inputs to a latent space and back."""

    def encode(self, inputs: Tree) -> Tensor:
        """Return the means of the posteriors, `(n, d)`, of inputs `(n, ...)`."""

    def decode(self, z: Tensor) -> Tree:
        """Return the means of the decoder, inputs `(n, ...)`, of `z` `(n, d)`."""


def _forget(record: Mapping[str, float]) -> None:
    """Nobody listens."""


@dataclass(frozen=True)
class Progress:
    """Where a fit keeps what it has, and whom it tells.

    Attributes:
        checkpoint: where to write the state after each epoch, and to go on from; None for nowhere.
        on_epoch: called with each epoch's record (`epoch` from 1, and the parts of the loss),
            first with those that a checkpoint remembers.
    """

    checkpoint: Path | None = None
    on_epoch: Callable[[dict[str, float]], object] = _forget


class Codec(ABC):
    """What a codec is before it is fitted: a frozen dataclass of settings.

    Where it also has `restore(content)`, and what it is fitted to has `content()` (tensors and
    plain values), a grid keeps the fitted codec in a file; otherwise each cell fits its own.
    """

    entry_points: ClassVar[str] = door.CODECS

    @classmethod
    def __subclasshook__(cls, other: type) -> bool:
        """A class with `encode` and `decode` is a codec that needs no fit."""
        known: bool = NotImplemented  # derived classes, as ever
        both = hasattr(other, "encode") and hasattr(other, "decode")
        return True if cls is Codec and both else known

    @abstractmethod
    def fit(self, train: TrainingPart, progress: Progress = Progress()) -> FittedCodec:
        """Return the codec, fitted to the training part.

        The same settings and data give the same codec, and torch's global generators stay as
        they are: randomness is seeded by a setting.
        """

    def rehearse(self, train: TrainingPart) -> FittedCodec:  # noqa: ARG002
        """Return what takes the fitted codec's place in a step that is tried before any training.

        Raises:
            MixupMultiError: the codec does not fit these data.
        """
        return Identity()


class Identity:
    """The codec whose latent space is that of the inputs, tensors `(n, ...)`, as they are.

    Mixing in it is input mixup.
    """

    def encode(self, inputs: Tensor) -> Tensor:
        """Return the inputs."""
        return inputs

    def decode(self, z: Tensor) -> Tensor:
        """Return the codes."""
        return z


def entry_of(setting: Any) -> dict[str, Any]:
    """Return settings, a frozen dataclass, as the entry of a recipe that makes them.

    >>> from mixup_multi.latent.saved import Saved
    >>> entry_of(Saved("codec.pt"))
    {'name': 'mixup_multi.latent.saved:Saved', 'path': 'codec.pt'}
    """
    kind = type(setting)
    plain = {field.name: _plain(getattr(setting, field.name)) for field in fields(setting)}
    return {"name": f"{kind.__module__}:{kind.__qualname__}", **plain}


def _plain(value: Any) -> Any:
    if hasattr(value, "entry_points"):
        return entry_of(value)
    return list(value) if isinstance(value, tuple) else value
