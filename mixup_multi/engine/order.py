"""The order in which training rows are seen, from its own random stream."""

from __future__ import annotations

import torch
from torch import Generator, Tensor

from mixup_multi.engine.settings import Train


def epoch_batches(rows: int, train: Train, generator: Generator) -> tuple[Tensor, ...]:
    """Return the index tensors of an epoch's batches.

    Methods draw from a stream of their own, so equal seeds see equal batches.
    """
    size = min(train.batch_size, rows)
    if train.steps_per_epoch is not None:
        return tuple(
            torch.randperm(rows, generator=generator)[:size] for _ in range(train.steps_per_epoch)
        )
    order = torch.randperm(rows, generator=generator)
    if train.drop_last:
        order = order[: rows // size * size]
    batches = list(torch.split(order, size))
    if len(batches) > 1 and size > 1 and len(batches[-1]) == 1:
        lone = batches.pop()
        batches[-1] = torch.cat([batches[-1], lone])
    return tuple(batches)
