"""Sources: a split of a data set held as tensors, from which batches are gathered by index.

Per-example Python work happens once, when the data set is prepared. An epoch only indexes
tensors, in memory, memory-mapped or on the device.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Generator, Tensor

from mixup_multi.batch import Batch, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.engine.shift import Shifts
from mixup_multi.errors import DataError, MissingDataError
from mixup_multi.tree import Tree, leaves, take_rows, to_device, tree_map

__all__ = [
    "Adapter",
    "Data",
    "Dataset",
    "Joinable",
    "Loader",
    "Source",
    "TensorSource",
    "Trial",
    "check_finite",
    "missing",
]


class Source(Protocol):
    """A split of a data set."""

    @property
    def ids(self) -> Sequence[str]:
        """One name an example, stable over runs, so that stored logits can be joined."""

    @property
    def labels(self) -> Tensor:
        """`(N,)` class indices, or `(N, c)` soft or multi-label rows; on the CPU."""

    def __len__(self) -> int: ...

    def gather(self, index: Tensor, generator: Generator | None = None) -> Batch:
        """Return the examples at `index` `(n,)`, augmented where a generator is given."""

    def to(self, device: torch.device | str) -> Source:
        """Return the source with its tensors on `device`, where it chooses to hold them there."""

    def mean(self) -> Tree | None:
        """Return the mean input of the split, un-augmented; None where it has no meaning."""


@runtime_checkable
class Joinable(Protocol):
    """A source of joint inputs (graphs), which draws nothing, and which can be one with its like.

    What it gathers for n examples of each of M members is the members' batch: a `Joint`.
    """

    @property
    def kind(self) -> Hashable:
        """What is equal in sources that can be joined: the features' width and type."""

    @staticmethod
    def join(parts: Sequence[Any]) -> Source:
        """Return the examples of several sources of one kind as one source, in their order."""


@dataclass(frozen=True)
class TensorSource:
    """A split whose inputs are a tree of tensors `(N, ...)`.

    Attributes:
        inputs: the stored examples, e.g. uint8 pixels.
        labels: `(N,)` class indices or `(N, c)` rows (soft, multi-label, or of numbers).
        classes: the number of columns of the targets.
        ids: one name an example.
        prepare: stored -> what the model reads, e.g. pixels -> normalised floats. Deterministic.
        augment: a random change of *stored* inputs, before `prepare`; only where `gather` gets a
            generator. It draws on the CPU generator and works on the inputs' device.
        bounds: what a legal perturbation of a prepared input is, or what finds it out, where that
            takes long; None where no input can be perturbed (codes, graphs), or nobody has said.
    """

    inputs: Tree
    labels: Tensor
    classes: int
    ids: Sequence[str]
    prepare: Callable[[Tree], Tree] | None = None
    augment: Callable[[Tree, Generator], Tree] | None = None
    bounds: Bounds | Callable[[], Bounds] | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, index: Tensor, generator: Generator | None = None) -> Batch:
        """Return the examples at `index` `(n,)`, augmented where a generator is given."""
        inputs = tree_map(lambda leaf: take_rows(leaf, index), self.inputs)
        if generator is not None and self.augment is not None:
            inputs = self.augment(inputs, generator)
        if self.prepare is not None:
            inputs = self.prepare(inputs)
        targets = as_targets(self.labels[index.to(self.labels.device)], self.classes)
        return Batch(inputs, targets, index)

    def to(self, device: torch.device | str) -> TensorSource:
        """Return the source with its stored inputs on `device`."""
        return replace(self, inputs=to_device(self.inputs, device))

    def mean(self) -> Tree | None:
        """Return the mean prepared input, in float64 sums over chunks of 1,024 examples.

        None where what the model reads holds integers: codes have no mean.
        """
        first = self.gather(torch.arange(min(1, len(self)))).inputs
        if not all(leaf.is_floating_point() for leaf in leaves(first)):
            return None
        total: Tree = None
        for chunk in torch.split(torch.arange(len(self)), 1024):
            inputs = self.gather(chunk).inputs
            sums = tree_map(lambda leaf: leaf.double().sum(0), inputs)
            total = sums if total is None else tree_map(torch.add, total, sums)
        return tree_map(lambda leaf: (leaf / len(self)).float(), total)


@dataclass(frozen=True)
class Trial:
    """Which repetition a data set is loaded for.

    Attributes:
        seed: seeds the random parts of a split (a trial of its own seed has a split of its own).
        fold: which fold is the test part, from 0; None where there is no cross-validation.
        folds: the number of folds.
    """

    seed: int = 0
    fold: int | None = None
    folds: int | None = None


@dataclass(frozen=True)
class Data:
    """A data set, split and ready.

    Attributes:
        name: the data set's name.
        train: what is learnt from.
        test: what the error is reported on.
        validation: what selects; None where the protocol has none.
        classes: the classes' names in the order of the targets' columns; of numbers to predict
            the names of what is predicted.
        key: a hash of the content; equal keys mean equal data.
        loss: the loss that fits the targets: `softmax`, `sigmoid` for binary or multi-label,
            or `squared` for numbers.
        notes: what a reader of a result has to know, e.g. that this is a subset.
        facts: what the adapter's own models need to know (sizes, cardinalities).
        shifts: the corruptions and deformations that trained models can be asked about.
    """

    name: str
    train: Source
    test: Source
    validation: Source | None
    classes: tuple[str, ...]
    key: str
    loss: str = "softmax"
    notes: tuple[str, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    shifts: Shifts = field(default_factory=Shifts)


class Loader(Protocol):
    """Reads a data set below `root` for a trial; settings are keyword arguments with types."""

    def __call__(self, root: Path, trial: Trial, *args: Any, **settings: Any) -> Data:
        """Return the data set, split."""


@dataclass(frozen=True)
class Dataset:
    """A data set that an adapter offers by name.

    Attributes:
        summary: one line for listings; a generated one says "synthetic".
        load: `load(root, trial, **settings) -> Data`; `root` is the data root (a `Path`).
        fetch: `fetch(root)` downloads it, with those of the settings of `load` that it names;
            None where it needs no download.
        folder: where below the data root it lies; empty where it needs no download.
        size: what the download weighs, e.g. "2.3 GB"; or "your own" for files that are given.
    """

    summary: str
    load: Loader
    fetch: Callable[..., None] | None = None
    folder: str = ""
    size: str = ""


class Adapter(Protocol):
    """A modality: its data sets and its models, by name.

    `models[name](data, **settings)` returns a module that takes `edits` (see `points`).
    """

    datasets: Mapping[str, Dataset]
    models: Mapping[str, Callable[..., torch.nn.Module]]


def check_finite(name: str, part: str, inputs: Tree) -> None:
    """Raise `DataError` where `inputs` hold NaN or infinity."""

    def check(leaf: Tensor) -> Tensor:
        if leaf.is_floating_point() and not bool(torch.isfinite(leaf).all()):
            row = int((~torch.isfinite(leaf)).reshape(len(leaf), -1).any(1).nonzero()[0])
            raise DataError(
                f"{name}: the {part} part holds NaN or infinite features, first in row {row};"
                " expected finite numbers. Mend the file, or mark missing values as missing"
                " so that they are imputed."
            )
        return leaf

    tree_map(check, inputs)


def missing(
    name: str, looked_in: Path, size: str, fetch_name: str | None = None
) -> MissingDataError:
    """Return the error for data that is not there: where it was looked for and how to get it."""
    return MissingDataError(
        f"{name}: no data in {looked_in.absolute()}. It is {size or 'of unknown size'} to download:"
        f" mixup-multi data fetch {fetch_name or name} (with the same --data). Or point --data"
        " (or MIXUP_MULTI_DATA) at the folder that has it."
    )
