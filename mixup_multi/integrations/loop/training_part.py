"""The training part of a loop that is not ours, as `Objective.fit` asks for it.

It is a map-style Dataset, a DataLoader of one, or tensors. Only what is asked for is computed: the
mean is summed up batch by batch, and a codec's fit reads its batches by index. To look at the
examples changes no global random state, whatever their transforms draw.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    RandomSampler,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    WeightedRandomSampler,
    default_collate,
)

from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import DataError, SettingError
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.tree import Tree, leaves, take_rows, tree_map

Inputs = str | Callable[[Any], Tree] | None
"""How inputs are taken out of a batch: a key, a function, or None for the first of a pair."""

_ALL = (SequentialSampler, RandomSampler, DistributedSampler, WeightedRandomSampler)


def training_part(
    train: Any,
    *,
    bounds: Bounds | None = None,
    inputs: Inputs = None,
    batch_size: int = 256,
    device: torch.device | str = "cpu",
) -> TrainingPart:
    """Return `train` as an objective's `fit` asks for it; see `Method.fit`.

    Raises:
        SettingError: it is nothing that examples can be read from.
    """
    if all(hasattr(train, name) for name in ("source", "mean", "bounds", "fitted")):
        if bounds is not None:
            raise SettingError("bounds beside a training part, which has its own: expected one")
        return train  # type: ignore[no-any-return]
    return Examples(_source(train, inputs), bounds, batch_size, torch.device(device))


@dataclass(frozen=True)
class Reader:
    """Examples that are read by index, un-mixed.

    Attributes:
        dataset: map-style; or iterable, of which only batches in its own order can be had.
        collate: makes a batch of examples.
        workers: how many processes read them all.
        select: how inputs are taken out of a batch.
    """

    dataset: Any
    collate: Callable[[list[Any]], Any] = default_collate
    workers: int = 0
    select: Inputs = None

    def __len__(self) -> int:
        return len(self._chosen_from())

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at `index` `(n,)`; their targets are empty rows `(n, 0)`."""
        with unmoved_randomness():
            data = self._chosen_from()
            read = self.collate([data[row] for row in index.tolist()])
        return Batch(self.inputs_of(read), torch.empty(len(index), 0), index)

    def _chosen_from(self) -> Any:
        if isinstance(self.dataset, IterableDataset):
            raise DataError(
                "an IterableDataset has no examples to choose from, and a codec is fitted to"
                " batches of its own: expected a map-style Dataset, or the inputs as a tensor"
            )
        return self.dataset

    def batches(self, size: int) -> Iterator[Tree]:
        """Yield all inputs, in order."""
        loader = DataLoader(
            self.dataset, batch_size=size, collate_fn=self.collate, num_workers=self.workers
        )
        for read in loader:
            yield self.inputs_of(read)

    def inputs_of(self, read: Any) -> Tree:
        """Return the inputs of a batch.

        Raises:
            SettingError: nobody said which of a mapping's entries they are.
        """
        if callable(self.select):
            return self.select(read)
        if self.select is not None:
            return read[self.select]
        if isinstance(read, Mapping):
            raise SettingError(
                f"the examples are mappings with {', '.join(map(str, read))}: expected to be told"
                " which of these the model reads, e.g. fit(..., inputs='pixel_values')"
            )
        return read[0] if isinstance(read, tuple | list) else read


@dataclass(frozen=True)
class TensorRows:
    """Examples in a tree of tensors whose first axis is the example."""

    inputs: Tree

    def __len__(self) -> int:
        return len(next(leaves(self.inputs)))

    def gather(self, index: Tensor) -> Batch:
        """Return the examples at `index` `(n,)`; their targets are empty rows `(n, 0)`."""
        inputs = tree_map(lambda leaf: take_rows(leaf, index), self.inputs)
        return Batch(inputs, torch.empty(len(index), 0), index)

    def batches(self, size: int) -> Iterator[Tree]:
        """Yield all inputs, in order."""
        for start in range(0, len(self), size):
            yield tree_map(lambda leaf, at=start: leaf[at : at + size], self.inputs)


def _source(train: Any, select: Inputs) -> Reader | TensorRows:
    if isinstance(train, Tensor | Mapping):
        return TensorRows(train)
    if isinstance(train, DataLoader):
        return replace(_of_loader(train), select=select)
    if isinstance(train, tuple | list) and all(isinstance(one, Tensor) for one in train):
        raise SettingError(
            f"the training part is a {type(train).__name__} of {len(train)} tensors: expected the"
            " inputs alone, or torch.utils.data.TensorDataset(inputs, labels)"
        )
    if isinstance(train, IterableDataset) or all(
        hasattr(train, name) for name in ("__len__", "__getitem__")
    ):
        return Reader(train, select=select)
    raise SettingError(
        f"the training part is a {type(train).__name__}: expected a map-style Dataset, a"
        " DataLoader, or the inputs as a tensor (n, ...)"
    )


def _of_loader(loader: DataLoader[Any]) -> Reader:
    """Return the examples that a loader reads, each once."""
    dataset: Any = loader.dataset
    sampler = loader.sampler
    if isinstance(sampler, SubsetRandomSampler):
        dataset = Subset(dataset, sorted(sampler.indices))
    elif not isinstance(dataset, IterableDataset) and (
        type(sampler) not in _ALL or type(loader.batch_sampler) not in (BatchSampler, type(None))
    ):
        raise SettingError(
            f"the loader chooses its examples by {type(sampler).__name__} and"
            f" {type(loader.batch_sampler).__name__}, of which it cannot be known which they are:"
            " expected the Dataset of training examples itself"
        )
    return Reader(dataset, loader.collate_fn, loader.num_workers)


@dataclass(frozen=True)
class Examples:
    """A training part.

    Attributes:
        source: the examples.
        said: what a legal perturbation of an input is; None where nobody has said.
        batch_size: how many are read together where all are read.
        device: where codecs are fitted, and used.
    """

    source: Reader | TensorRows
    said: Bounds | None = None
    batch_size: int = 256
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def key(self) -> str:
        """A hash of all inputs, which are read for it."""
        digest = hashlib.sha256()
        with unmoved_randomness():
            for inputs in self.source.batches(self.batch_size):
                for leaf in leaves(inputs):
                    digest.update(repr((leaf.dtype, tuple(leaf.shape))).encode())
                    digest.update(leaf.cpu().contiguous().view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()

    def mean(self) -> Tree | None:
        """Return the mean input in float32, from sums in float64; None where it has no meaning."""
        with unmoved_randomness():
            try:
                return self._mean()
            except TypeError:  # no tree of tensors, e.g. a graph batch
                return None

    def _mean(self) -> Tree:
        total: Tree = None
        count = 0
        for inputs in self.source.batches(self.batch_size):
            sums = tree_map(lambda leaf: leaf.double().sum(0), inputs)
            total = sums if total is None else tree_map(torch.add, total, sums)
            count += len(next(leaves(inputs)))
        if not count:
            raise DataError("the training part is empty: expected examples to take the mean of")
        return tree_map(lambda leaf: (leaf / count).float(), total)

    def bounds(self) -> Bounds | None:
        """Return what was said of legal perturbations."""
        return self.said

    def fitted(self, codec: Any) -> Any:
        """Return a codec that is fitted to the examples, or that needs no fit, on the device."""
        with unmoved_randomness():
            made = codec.fit(self) if hasattr(codec, "fit") else codec
        return made.to(self.device) if isinstance(made, torch.nn.Module) else made


@contextmanager
def unmoved_randomness() -> Iterator[None]:
    """Give Python's, NumPy's and torch's global generators back as they were."""
    python, numpy = random.getstate(), np.random.get_state()
    devices = list(range(torch.cuda.device_count())) if torch.cuda.is_initialized() else []  # type: ignore[no-untyped-call]
    try:
        with torch.random.fork_rng(devices):
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
