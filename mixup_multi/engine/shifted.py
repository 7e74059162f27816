"""Sources whose examples are those of another, changed as they are read.

What is random is drawn for each example from a generator of its own, which is named by the change,
its severity, a seed and the example's id: so no result depends on the order or the size of
batches, or on which other examples are asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol, TypeAlias, cast

import torch
from torch import Generator, Tensor

from mixup_multi.batch import Batch, as_targets
from mixup_multi.engine.shift import Shift
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi.streams import stream
from mixup_multi.tree import Tree, take_rows, to_device, tree_map

__all__ = ["ChangeAt", "Corruption", "Draws", "Labelled", "Shifted", "changed", "draws_for"]


class Draws:
    """Random numbers for n examples, each example's from a generator of its own.

    Args:
        generators: one an example, on the CPU.
        device: where the numbers are needed.
    """

    def __init__(self, generators: Sequence[Generator], device: torch.device | str = "cpu") -> None:
        self._generators = generators
        self._device = device

    def __len__(self) -> int:
        return len(self._generators)

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """Return `(n, *shape)` numbers in [low, high)."""
        rows = torch.empty(len(self._generators), *shape)
        for row, generator in zip(rows, self._generators, strict=True):
            row.uniform_(low, high, generator=generator)
        return rows.to(self._device)

    def normal(self, *shape: int) -> Tensor:
        """Return `(n, *shape)` standard normal numbers."""
        rows = torch.empty(len(self._generators), *shape)
        for row, generator in zip(rows, self._generators, strict=True):
            row.normal_(generator=generator)
        return rows.to(self._device)

    def integers(self, low: int, high: int, *shape: int) -> Tensor:
        """Return `(n, *shape)` whole numbers from `low` to `high - 1`."""
        rows = torch.empty(len(self._generators), *shape, dtype=torch.int64)
        for row, generator in zip(rows, self._generators, strict=True):
            row.random_(low, high, generator=generator)
        return rows.to(self._device)

    def poisson(self, rates: Tensor) -> Tensor:
        """Return Poisson counts with the means `rates` `(n, ...)`."""
        rows = zip(rates.cpu(), self._generators, strict=True)
        return torch.stack([torch.poisson(row, generator) for row, generator in rows]).to(rates)


Change: TypeAlias = Callable[[Tree, Draws], Tree]
"""`change(inputs, draws)`: the changed inputs of some examples."""


class Labelled(Protocol):
    """What a shifted source keeps of the source that it was made of."""

    @property
    def ids(self) -> Sequence[str]:
        """One name an example."""

    @property
    def labels(self) -> Tensor:
        """`(N,)` class indices or `(N, c)` rows."""

    @property
    def classes(self) -> int:
        """The number of columns of the targets."""


@dataclass(frozen=True)
class Shifted:
    """A source with the ids and labels of another, whose inputs are read or made when asked for.

    Attributes:
        origin: whose ids and labels it has.
        read: `read(index, device)`: the inputs of the examples at `index` `(n,)`, as the model
            reads them, computed on a device.
        device: where they are computed.
    """

    origin: Labelled
    read: Callable[[Tensor, torch.device | str], Tree]
    device: torch.device | str = "cpu"

    @property
    def ids(self) -> Sequence[str]:
        """One name an example: those of the origin."""
        return self.origin.ids

    @property
    def labels(self) -> Tensor:
        """The labels of the origin."""
        return self.origin.labels

    @property
    def classes(self) -> int:
        """The number of columns of the targets."""
        return self.origin.classes

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, index: Tensor, generator: Generator | None = None) -> Batch:  # noqa: ARG002
        """Return the examples at `index` `(n,)`; nobody trains on them, so none is augmented."""
        targets = as_targets(self.labels[index.to(self.labels.device)], self.origin.classes)
        return Batch(self.read(index, self.device), targets, index)

    def to(self, device: torch.device | str) -> Shifted:
        """Return the source, computing on `device`."""
        return replace(self, device=device)

    def mean(self) -> None:
        """Return None: nobody trains on these examples, so nobody needs their mean."""


def draws_for(
    ids: Sequence[str], name: str, seed: int, device: torch.device | str = "cpu"
) -> Draws:
    """Return the random numbers of the examples `ids` for one use, which `name` names."""
    return Draws([stream(seed, f"{name}/{id}") for id in ids], device)


def changed(
    source: TensorSource, change: Change, name: str, seed: int, *, prepared: bool = False
) -> Shifted:
    """Return `source` with its stored inputs changed, or what the model reads where `prepared`."""

    def read(index: Tensor, device: torch.device | str) -> Tree:
        inputs = to_device(tree_map(lambda leaf: take_rows(leaf, index), source.inputs), device)
        draws = draws_for([source.ids[row] for row in index.tolist()], name, seed, device)
        if prepared:
            return change(_prepared(source, inputs), draws)
        return _prepared(source, change(inputs, draws))

    return Shifted(source, read)


class ChangeAt(Protocol):
    """A function that changes what the model reads; its name is that of the corruption."""

    __name__: str

    def __call__(self, inputs: Any, draws: Draws, severity: int, /) -> Any:
        """Return new inputs of some examples, at a severity from 1 to 5."""


@dataclass(frozen=True)
class Corruption(Shift):
    """A corruption of what the model reads, by a function of it.

    Attributes:
        change: `change(inputs, draws, severity)`; it leaves the inputs that it is given as they
            are, and all that is random in it comes from `draws`.
    """

    change: ChangeAt

    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return the corrupted examples."""
        if severity == 0:
            return source
        change, name = partial(self._changed, severity), f"{self.change.__name__}/{severity}"
        return changed(cast(TensorSource, source), change, name, seed, prepared=True)

    def _changed(self, severity: int, inputs: Tree, draws: Draws) -> Tree:
        return self.change(inputs, draws, severity)


def _prepared(source: TensorSource, inputs: Tree) -> Tree:
    return inputs if source.prepare is None else source.prepare(inputs)
