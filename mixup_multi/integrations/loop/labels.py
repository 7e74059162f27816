"""Labels as people have them, turned into the rows that objectives are given.

What labels `(n,)` are depends on the loss: indices of classes, the one label of a binary task, or
numbers to predict.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.batch import as_targets
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import Loss, TargetKind
from mixup_multi.objectives.objective import Objective


def target_kind(objective: Objective) -> TargetKind | None:
    """Return what a row of an objective's targets is; None where it does not name its loss."""
    loss: Loss | None = getattr(objective, "loss_fn", None)
    if loss is not None:
        return loss.target_kind
    within = (*objective.parts, getattr(objective, "inner", None))
    kinds = (target_kind(part) for part in within if isinstance(part, Objective))
    return next((kind for kind in kinds if kind is not None), None)


def targets_of(labels: Tensor, kind: TargetKind | None, classes: int | None) -> Tensor:
    """Return targets `(n, c)` in floating point, float32 at least.

    Args:
        labels: `(n,)` class indices, 0/1 of a binary task, or numbers; or rows `(n, c)`.
        kind: what a row of targets is.
        classes: c; None where labels are rows, numbers or binary.

    Raises:
        SettingError: they are of no such form, or a class index is out of its range. On a GPU an
            index out of range makes its row NaN instead, for to look would be to wait.
    """
    if not isinstance(labels, Tensor):
        raise SettingError(
            f"labels are a {type(labels).__name__}: expected a tensor, (n,) or (n, c)"
        )
    if labels.dim() == 2:
        return _rows(labels, classes)
    if labels.dim() != 1:
        raise SettingError(
            f"labels are of shape {tuple(labels.shape)}: expected (n,), or rows (n, c); a method"
            " mixes whole examples, so labels of single pixels or words are not for it"
        )
    if kind == "numbers" or (kind == "labels" and classes in (None, 1)):
        return _wide(labels)[:, None]
    return _one_hot(labels, classes)


def _wide(labels: Tensor) -> Tensor:
    if labels.dtype in (torch.float32, torch.float64):
        return labels
    return labels.to(torch.float32)


def _rows(labels: Tensor, classes: int | None) -> Tensor:
    if classes is not None and labels.shape[1] != classes:
        raise SettingError(
            f"labels are rows of shape {tuple(labels.shape)}: expected {classes} columns, as"
            f" classes={classes} says; class indices are of shape (n,)"
        )
    return _wide(labels)


def _one_hot(labels: Tensor, classes: int | None) -> Tensor:
    if labels.is_floating_point():
        raise SettingError(
            f"labels (n,) are {labels.dtype}: expected class indices, which are integers; rows"
            " (n, c) of a distribution; or, of a method with loss='squared', numbers"
        )
    if classes is None:
        raise SettingError(
            f"labels are class indices of shape {tuple(labels.shape)}: expected rows (n, c),"
            " or Method(..., classes=c)"
        )
    if labels.device.type == "cpu":
        check_range(labels, classes)
        return as_targets(labels, classes)
    rows = (labels[:, None] == torch.arange(classes, device=labels.device)).float()
    legal = (labels >= 0) & (labels < classes)
    return torch.where(legal[:, None], rows, float("nan"))


def check_range(labels: Tensor, classes: int) -> None:
    """Raise `SettingError` where class indices `(n,)` are not all in [0, classes)."""
    if not len(labels):
        return
    low, high = (int(end) for end in labels.long().aminmax())
    if low < 0 or high >= classes:
        raise SettingError(
            f"labels run from {low} to {high}: expected class indices from 0 to {classes - 1}."
            " Subtract 1 where they begin at 1; leave out rows that are to be ignored, for they"
            " have no label to mix; or say how many classes there are with classes="
        )
