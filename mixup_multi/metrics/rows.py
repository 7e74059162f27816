"""Logits and targets `(n, c)`: what they must be, and how they are read in float64.

Columns are *classes*, whose probabilities are p = softmax(f) and whose targets sum to 1, or
independent *labels*, with p = sigma(f). Probabilities can be given too: their logits are log p.
Targets of classes may be their indices `(n,)`, which are rows with a single 1.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import torch
from torch import Tensor

from mixup_multi.batch import as_targets, sums_to_one
from mixup_multi.errors import SettingError

Kind = Literal["classes", "labels"]
"""What a column is: one of classes that exclude each other, or a label of its own."""

CHUNK = 2**16
"""How many numbers are widened to float64 at a time: they stay in the processor's cache."""


def wide_rows(*tensors: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """Yield the rows of tensors `(n, c)`, a few at a time, in float64."""
    size = max(1, CHUNK // tensors[0].shape[1])
    for parts in zip(*(torch.split(tensor, size) for tensor in tensors), strict=True):
        yield tuple(part.double() for part in parts)


def probabilities(logits: Tensor, kind: Kind = "classes", temperature: float = 1.0) -> Tensor:
    """Return p `(n, c)` of logits divided by a temperature, in their type (float32 at least).

    It is computed in float64 and rounded.
    """
    dtype = torch.promote_types(logits.dtype, torch.float32)
    found = torch.empty_like(logits, dtype=dtype)
    size = max(1, CHUNK // logits.shape[1])
    for (f,), rows in zip(wide_rows(logits), torch.split(found, size), strict=True):
        scaled = f / temperature
        rows.copy_(scaled.softmax(1) if kind == "classes" else scaled.sigmoid())
    return found


def rows_of(targets: Tensor, logits: Tensor, kind: Kind = "classes") -> Tensor:
    """Return targets as rows like logits `(n, c)`; those that are rows already as they are.

    Raises:
        SettingError: a class index `(n,)` is not in [0, c), or no integer.
    """
    if targets.dim() != 1 or kind == "labels" or logits.dim() != 2:
        return targets
    if targets.is_floating_point():
        raise SettingError(
            f"targets (n,) are {targets.dtype}: expected class indices, which are integers, or rows"
            " (n, c) of a distribution"
        )
    classes = logits.shape[1]
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
        raise SettingError(
            f"targets run from {int(targets.min())} to {int(targets.max())}: expected class indices"
            f" from 0 to {classes - 1}, as logits have {classes} columns"
        )
    return as_targets(targets, classes)


def check(logits: Tensor, targets: Tensor, kind: Kind) -> None:
    """Raise `SettingError` where logits and targets are not of equal shape, finite and of a kind.

    Logits may be -inf, for a probability of 0; those of labels +inf too.
    """
    if logits.ndim != 2 or logits.shape != targets.shape or not logits.numel():
        raise SettingError(
            f"logits are {tuple(logits.shape)} and targets {tuple(targets.shape)}: expected both"
            " (n, c), with n and c at least 1"
        )
    largest = logits.amax(1)
    if bool(largest.isnan().any()) or (kind == "classes" and not bool(largest.isfinite().all())):
        raise SettingError(
            "a row's largest logit is no finite number: expected one; has the training diverged?"
        )
    if kind == "classes" and not sums_to_one(targets):
        raise SettingError(
            "a target does not sum to 1: expected rows that are distributions over classes; for"
            " independent labels say kind='labels'"
        )
