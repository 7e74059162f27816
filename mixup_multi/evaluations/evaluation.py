"""The contract of an evaluation: settings, and `measure` of a trained model."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.engine.evaluate import Outputs, outputs_of
from mixup_multi.engine.memory import model_inputs
from mixup_multi.engine.source import Data, Source
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import Loss
from mixup_multi.streams import stream

Part = Literal["test", "validation", "train"]

OF_NUMBERS = "error, robustness, corruption, deformation, linear_probe and local_linearity"
"""The evaluations that also have a meaning for regression, for messages."""


@dataclass(frozen=True)
class Subject:
    """A trained model, with what it was trained on.

    Attributes:
        load: returns the model in evaluation mode, on `device`; called where it is first needed.
        data: its data set, as it was split for it.
        loss_fn: the loss in which its results are reported.
        device: where it computes.
        channels_last: the memory order of image-like inputs.
        stored: logits and targets that are kept of some parts, in the order of their sources.
    """

    load: Callable[[], nn.Module]
    data: Data
    loss_fn: Loss
    device: torch.device
    channels_last: bool = False
    stored: Mapping[Part, Outputs] = field(default_factory=dict)

    @cached_property
    def model(self) -> nn.Module:
        """Return the model.

        Raises:
            OutputError: its weights are gone, though what it said may still be stored.
        """
        return self.load()

    def outputs(self, part: Part, batch_size: int = 512) -> Outputs:
        """Return what the model says of all of a part's examples, as it is stored or anew."""
        if part in self.stored:
            return self.stored[part]
        where = self.device, self.channels_last
        return outputs_of(self.model, self.part(part), batch_size, *where)

    def part(self, name: Part) -> Source:
        """Return a part of the data.

        Raises:
            SettingError: there is none.
        """
        parts: Mapping[str, Source | None] = {
            "test": self.data.test,
            "validation": self.data.validation,
            "train": self.data.train,
        }
        source = parts.get(name)
        if source is None:
            there = ", ".join(part for part, held in parts.items() if held is not None)
            raise SettingError(f"{self.data.name} has no part {name!r}: expected one of {there}")
        return source

    def batches(self, part: Part, rows: int | None, size: int, seed: int) -> Iterator[Batch]:
        """Yield a part's examples, un-augmented, `size` at a time.

        Args:
            part: its name.
            rows: how many, drawn by the seed; all where it is None or there are no more.
            size: of a batch; a last row that would be alone joins the batch before it, for
                BatchNorm in training mode (some attacks look at it so) needs two.
            seed: of the choice, so that models of one split are asked about the same examples.
        """
        source = self.part(part)
        index = torch.arange(len(source))
        if rows is not None and rows < len(source):
            chosen = torch.randperm(len(source), generator=stream(seed, "order"))[:rows]
            index = chosen.sort().values
        batches = list(torch.split(index, size))
        if len(batches) > 1 and len(batches[-1]) == 1 < size:
            batches[-2:] = [torch.cat(batches[-2:])]
        for some in batches:
            yield self.gather(part, some)

    def gather(self, part: Part, index: Tensor) -> Batch:
        """Return a part's examples at `index` `(n,)`, un-augmented, where the model computes."""
        batch = self.part(part).gather(index).to(self.device)
        return replace(batch, inputs=model_inputs(batch.inputs, self.channels_last))


@dataclass(frozen=True)
class Curve:
    """A quantity over another, e.g. the error over the size of an attack.

    Attributes:
        x_label, y_label: what the axes are, with units.
        x, y: equally many numbers; NaN in y where there is nothing to say (an empty bin).
    """

    x_label: str
    y_label: str
    x: tuple[float, ...]
    y: tuple[float, ...]


@dataclass(frozen=True)
class Measured:
    """What an evaluation found.

    Attributes:
        values: numbers by name, that which tables show first.
        curves: by name; the report draws those of all methods into one figure.
    """

    values: Mapping[str, float]
    curves: Mapping[str, Curve] = field(default_factory=dict)


class Evaluation(ABC):
    """Frozen settings that measure a trained model.

    Attributes:
        unit: of the first of the numbers that it measures.
    """

    unit: ClassVar[str] = "%"
    entry_points: ClassVar[str] = "mixup_multi.evaluations"

    @abstractmethod
    def measure(self, subject: Subject) -> Measured:
        """Return what was measured.

        Raises:
            MixupMultiError: it has no meaning for these data or this model; why.
        """

    def check(self, subject: Subject) -> None:  # noqa: B027  (nothing to check is a good default)
        """Raise the `MixupMultiError` of `measure` that can be known before any training."""


def check_counts(**numbers: int | None) -> None:
    """Raise `SettingError` where a number of things is below 1; None is no number."""
    for name, value in numbers.items():
        if value is not None and value < 1:
            raise SettingError(f"{name} is {value}: expected 1 or more", (name,))


def check_classes(subject: Subject, what: str) -> None:
    """Raise `SettingError` where there are numbers to predict, for `what` is of classes or labels.

    Args:
        subject: the model and its data.
        what: the start of the message, e.g. "margins are".
    """
    if subject.loss_fn.target_kind == "numbers":
        raise SettingError(
            f"{what} of classes or labels, and {subject.data.name} has numbers to predict, which"
            f" are neither right nor wrong: expected data with classes, or {OF_NUMBERS}"
        )
