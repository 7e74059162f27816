"""The members' batches, gathered together: the rows and augmentations that each sees alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import torch
from torch import Generator, Tensor

from mixup_multi.batch import Batch
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi.tree import leaves, tree_map

WINDOW_BYTES = 4 * 2**20
"""How much is gathered ahead, so that short steps share its overhead and it stays in the cache."""


def epoch_feed(
    sources: Sequence[Source],
    orders: Sequence[Sequence[Tensor]],
    generators: Sequence[Generator],
    device: torch.device,
) -> Iterator[Batch]:
    """Yield an epoch's batches: inputs `(M, n, ...)` and targets `(M, n, c)`.

    Args:
        sources: the members' training parts.
        orders: for each member its batches' rows, as `epoch_batches` returns them.
        generators: of the members' augmentations.
        device: where the batches go.
    """
    plain = not any(_augments(source) for source in sources)
    steps = _steps_ahead(sources[0], len(sources) * len(orders[0][0])) if plain else 1
    for index in _windows(orders, steps):
        batch = gather(sources, index) if plain else _augmented(sources, index, generators)
        batch = batch.to(device)
        for step in range(len(index)):
            yield Batch(tree_map(lambda leaf, t=step: leaf[t], batch.inputs), batch.targets[step])


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


def _augmented(sources: Sequence[Source], index: Tensor, generators: Sequence[Generator]) -> Batch:
    """Return one step of the members, each gathered as alone."""
    zipped = zip(sources, index[0], generators, strict=True)
    batches = [source.gather(rows, generator) for source, rows, generator in zipped]
    one = (1, 1, index.shape[2])
    return _joined([_shaped(b, torch.Size(one)) for b in batches], torch.arange(len(batches)))


def _augments(source: Source) -> bool:
    """Whether gathering for training may draw; a stranger's source is taken to."""
    return not isinstance(source, TensorSource) or source.augment is not None


def _steps_ahead(source: Source, rows: int) -> int:
    row = source.gather(torch.zeros(1, dtype=torch.int64))
    sizes = (leaf.numel() * leaf.element_size() for leaf in leaves((row.inputs, row.targets)))
    return max(1, WINDOW_BYTES // (rows * sum(sizes)))


def _windows(orders: Sequence[Sequence[Tensor]], most: int) -> Iterator[Tensor]:
    """Yield the rows `(S, M, n)` of S <= `most` steps of one length at a time."""
    steps = [torch.stack(list(rows)) for rows in zip(*orders, strict=True)]
    for _, run in groupby(steps, key=lambda rows: rows.shape[1]):
        yield from torch.split(torch.stack(list(run)), most)
