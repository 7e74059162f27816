"""What stored logits tell beyond the error: calibration and confusion, and which rows they are."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mixup_multi.errors import OutputError
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.metrics import Reliability, confidences, reliability
from mixup_multi.metrics.reliability import Array


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
    said = confidences(logits.double(), targets)
    return Measured(reliability(*said), confusion(logits, targets), _key(ids))


def _key(ids: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(sorted(map(str, ids))).encode()).hexdigest()


def pooled(measured: Sequence[Measured]) -> tuple[Reliability, Array]:
    """Return the sums over several cells (at least one)."""
    total, matrix = measured[0].reliability, measured[0].confusion
    for one in measured[1:]:
        total, matrix = total + one.reliability, matrix + one.confusion
    return total, matrix
