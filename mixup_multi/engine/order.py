"""The order in which training rows are seen, from its own random stream."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mixup_multi.engine.settings import Train


def batch_sizes(rows: int, train: Train) -> tuple[int, ...]:
    """Return how many of `rows` rows each of an epoch's batches has."""
    size = min(train.batch_size, rows)
    if train.steps_per_epoch is not None:
        return (size,) * train.steps_per_epoch
    full, rest = divmod(rows, size)
    sizes = [size] * full
    if rest == 1 and size > 1 and not train.drop_last:
        sizes[-1] += 1
    elif rest and not train.drop_last:
        sizes.append(rest)
    return tuple(sizes)


def epoch_batches(rows: int, train: Train, generator: Generator) -> tuple[Tensor, ...]:
    """Return the index tensors of an epoch's batches.

    Methods draw from a stream of their own, so equal seeds see equal batches.
    """
    sizes = batch_sizes(rows, train)
    if train.steps_per_epoch is not None:
        return tuple(torch.randperm(rows, generator=generator)[:size] for size in sizes)
    return torch.split(torch.randperm(rows, generator=generator)[: sum(sizes)], list(sizes))
