"""What stored logits tell beyond the error: calibration and confusion, and which rows they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mixup_multi.errors import OutputError
from mixup_multi.grid.store import CellFolder

BINS = 15
Array = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Reliability:
    """Predictions by their confidence, in 15 equal bins of (0, 1] (Guo et al. 2017).

    Attributes:
        count, confidence, correct: `(15,)` sums over the predictions of each bin.
    """

    count: Array
    confidence: Array
    correct: Array

    def __add__(self, other: Reliability) -> Reliability:
        return Reliability(
            self.count + other.count,
            self.confidence + other.confidence,
            self.correct + other.correct,
        )

    @property
    def ece(self) -> float:
        """Return the expected calibration error in percent: sum_b |correct - confidence| / n."""
        return 100 * float(np.abs(self.correct - self.confidence).sum() / self.count.sum())


def reliability(logits: Tensor, targets: Tensor) -> Reliability:
    """Return the reliability of logits `(n, c)` on targets `(n, c)` whose rows sum to 1."""
    confidence, predicted = logits.double().softmax(1).max(1)
    correct = targets.double().gather(1, predicted[:, None]).squeeze(1)
    index = (confidence * BINS).ceil().long().sub(1).clamp(0, BINS - 1)
    empty = torch.zeros(BINS, dtype=torch.float64)
    sums = [
        empty.index_add(0, index, values).numpy()
        for values in (torch.ones_like(confidence), confidence, correct)
    ]
    return Reliability(*sums)


def confusion(logits: Tensor, targets: Tensor) -> Array:
    """Return `(c, c)` sums of targets' weight: a row is the true class, a column the said one."""
    said = torch.nn.functional.one_hot(logits.argmax(1), logits.shape[1]).double()
    matrix: Array = (targets.double().T @ said).numpy()
    return matrix


@dataclass(frozen=True)
class Measured:
    """What one cell's test part tells; `test_key` names its rows, to see whether splits differ."""

    reliability: Reliability
    confusion: Array
    test_key: str


def measure(folder: CellFolder) -> Measured:
    """Read a cell's stored test logits.

    Raises:
        OutputError: they are absent or damaged, or not those of exclusive classes.
    """
    path = folder.path / "outputs.pt"
    if not path.is_file():
        raise OutputError("it has no outputs.pt")
    try:
        test = folder.read_outputs()["test"]
        logits, targets, ids = test["logits"], test["targets"], test["ids"]
    except KeyError as error:
        raise OutputError(f"{path} holds no {error} of a test part") from error
    if not bool(torch.isfinite(logits).all()):
        raise OutputError("its test logits are not all finite")
    if logits.shape[1] < 2 or not bool((targets.sum(1) - 1).abs().max() < 1e-3):
        raise OutputError(
            "its targets are independent labels or numbers, for which neither is defined"
        )
    return Measured(reliability(logits, targets), confusion(logits, targets), _key(ids))


def _key(ids: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(sorted(map(str, ids))).encode()).hexdigest()


def pooled(measured: Sequence[Measured]) -> tuple[Reliability, Array]:
    """Return the sums over several cells (at least one)."""
    total, matrix = measured[0].reliability, measured[0].confusion
    for one in measured[1:]:
        total, matrix = total + one.reliability, matrix + one.confusion
    return total, matrix
