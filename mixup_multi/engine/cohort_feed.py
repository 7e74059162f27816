"""The members' batches, gathered together: the rows and augmentations that each sees alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Protocol, TypeAlias

import torch
from torch import Generator, Tensor

from mixup_multi.batch import Batch
from mixup_multi.engine.source import Joinable, Source, TensorSource
from mixup_multi.tree import leaves, tree_map

Orders: TypeAlias = Sequence[Sequence[Tensor]]
WINDOW_BYTES = 4 * 2**20
"""How much is gathered ahead, so that short steps share its overhead and it stays in the cache."""


class Feed(Protocol):
    """Gathers the members' training batches."""

    def epoch(self, orders: Orders, generators: Sequence[Generator]) -> Iterator[Batch]:
        """Yield an epoch's batches: inputs `(M, n, ...)`, or joint, and targets `(M, n, c)`.

        Args:
            orders: for each member its batches' rows, as `epoch_batches` returns them.
            generators: of the members' augmentations.
        """


def feed_of(sources: Sequence[Source], device: torch.device) -> Feed:
    """Return what feeds members from their training parts, to `device`."""
    if all(isinstance(source, Joinable) for source in sources):
        return JointFeed(sources, device)
    return _TensorFeed(sources, device)


class _TensorFeed:
    def __init__(self, sources: Sequence[Source], device: torch.device) -> None:
        self.sources, self.device = sources, device
        self.plain = not any(_augments(source) for source in sources)

    def epoch(self, orders: Orders, generators: Sequence[Generator]) -> Iterator[Batch]:
        rows = len(orders) * len(orders[0][0])
        for index in _windows(orders, _steps_ahead(self.sources[0], rows) if self.plain else 1):
            batch = (
                gather(self.sources, index) if self.plain else self._augmented(index, generators)
            )
            batch = batch.to(self.device)
            for step in range(len(index)):
                inputs = tree_map(lambda leaf, t=step: leaf[t], batch.inputs)
                yield Batch(inputs, batch.targets[step])

    def _augmented(self, index: Tensor, generators: Sequence[Generator]) -> Batch:
        """Return one step of the members, each gathered as alone."""
        zipped = zip(self.sources, index[0], generators, strict=True)
        batches = [source.gather(rows, generator) for source, rows, generator in zipped]
        one = (1, 1, index.shape[2])
        return _joined([_shaped(b, torch.Size(one)) for b in batches], torch.arange(len(batches)))


class JointFeed:
    """Members of joint inputs: a step is one batch of the source that all of theirs make.

    Sources that members share are in it once.
    """

    def __init__(self, sources: Sequence[Source], device: torch.device) -> None:
        once = {id(source): source for source in sources}
        parts = list(once.values())
        self.source = type(parts[0]).join(parts) if len(parts) > 1 else parts[0]  # type: ignore[attr-defined]
        sizes = [len(source) for source in parts]
        first = {key: sum(sizes[:place]) for place, key in enumerate(once)}
        self.first_rows = torch.tensor([first[id(source)] for source in sources])[:, None]
        self.device = device

    def epoch(self, orders: Orders, generators: Sequence[Generator]) -> Iterator[Batch]:  # noqa: ARG002
        """Yield an epoch's batches; `Joinable` sources draw nothing."""
        for rows in zip(*orders, strict=True):
            yield self.step(rows)

    def step(self, rows: Sequence[Tensor]) -> Batch:
        """Return the batch of the members' `rows`, M x `(n,)`."""
        index = torch.stack(list(rows)) + self.first_rows
        batch = self.source.gather(index.flatten()).to(self.device)
        return Batch(batch.inputs, batch.targets.view(*index.shape, -1))


def gather(sources: Sequence[Source], index: Tensor) -> Batch:
    """Return un-augmented examples `(S, M, n, ...)` of M sources at `index` `(S, M, n)`.

    Members of one source are gathered together.
    """
    members = sorted(range(len(sources)), key=lambda m: id(sources[m]))
    parts = []
    for _, run in groupby(members, key=lambda m: id(sources[m])):
        some = list(run)
        rows = index[:, some]
        batch = sources[some[0]].gather(rows.flatten())
        parts.append(_shaped(batch, rows.shape))
    place = torch.tensor(members).argsort()
    return _joined(parts, place)


def _shaped(batch: Batch, shape: torch.Size) -> Batch:
    """Divide a batch's first axis."""
    inputs = tree_map(lambda leaf: leaf.reshape(*shape, *leaf.shape[1:]), batch.inputs)
    return Batch(inputs, batch.targets.reshape(*shape, -1))


def _joined(parts: Sequence[Batch], place: Tensor) -> Batch:
    """Join along the axis of members, and bring them in their order."""
    ordered = bool((place == torch.arange(len(place))).all())

    def join(*tensors: Tensor) -> Tensor:
        whole = tensors[0] if len(tensors) == 1 else torch.cat(tensors, 1)
        return whole if ordered else whole.index_select(1, place.to(whole.device))

    inputs = tree_map(join, *(part.inputs for part in parts))
    return Batch(inputs, join(*(part.targets for part in parts)))


def _augments(source: Source) -> bool:
    """Whether gathering for training may draw; a stranger's source is taken to."""
    return not isinstance(source, TensorSource) or source.augment is not None


def _steps_ahead(source: Source, rows: int) -> int:
    row = source.gather(torch.zeros(1, dtype=torch.int64))
    sizes = (leaf.numel() * leaf.element_size() for leaf in leaves((row.inputs, row.targets)))
    return max(1, WINDOW_BYTES // (rows * sum(sizes)))


def _windows(orders: Orders, most: int) -> Iterator[Tensor]:
    """Yield the rows `(S, M, n)` of S <= `most` steps of one length at a time."""
    steps = [torch.stack(list(rows)) for rows in zip(*orders, strict=True)]
    for _, run in groupby(steps, key=lambda rows: rows.shape[1]):
        yield from torch.split(torch.stack(list(run)), most)
