"""A batch: inputs in any form, targets as rows of a distribution.

Soft targets are the normal case and hard labels the special one (one-hot rows), so a mixed
label needs no second code path. The number of examples is that of the targets; the inputs may
be a graph batch, where `len(inputs)` means something else.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from torch.nn import functional

from mixup_multi.tree import Tree, to_device

__all__ = ["Batch", "Joint", "as_targets"]


@runtime_checkable
class Joint(Protocol):
    """Inputs of a modality that are no tree of tensors `(n, ...)`, such as n graphs in one."""

    def examples_at(self, index: Tensor) -> Any:
        """Return the inputs of the examples at `index` `(m,)`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Examples that are seen together.

    Attributes:
        inputs: a tree of tensors `(n, ...)`, or an object of the modality (a graph batch).
        targets: `(n, c)` floating point: rows of a distribution, or of labels in [0, 1]
            for the sigmoid loss.
        rows: `(n,)` the examples' places in the source that gathered them, on the CPU; None where
            there is none, or the inputs are no longer the source's (attacked, noisy, cut).
    """

    inputs: Tree
    targets: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)

    def to(self, device: torch.device | str) -> Batch:
        """Return the batch on `device`."""
        targets = self.targets.to(device, non_blocking=True)
        return Batch(to_device(self.inputs, device), targets, self.rows)


def as_targets(labels: Tensor, classes: int, dtype: torch.dtype = torch.float32) -> Tensor:
    """Turn class indices `(n,)` into one-hot rows `(n, classes)`; soft rows pass through.

    >>> as_targets(torch.tensor([1, 0]), 3).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]
    """
    if labels.dim() == 2:
        return labels.to(dtype)
    return functional.one_hot(labels.long(), classes).to(dtype)


def sums_to_one(rows: Tensor) -> bool:
    """Return whether all rows `(n, c)` sum to 1, as far as their type can say; NaN does not.

    Entries and their mixtures are rounded by half an epsilon each, so that of bfloat16 rows the
    sums are off by a percent, though they are taken in float32.
    """
    rounding = torch.finfo(rows.dtype).eps if rows.is_floating_point() else 0.0
    sums = rows.sum(1, dtype=torch.promote_types(rows.dtype, torch.float32))
    return bool(((sums - 1).abs() <= max(1e-3, 2 * rounding)).all())
