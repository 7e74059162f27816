"""Labels as people have them, turned into the rows that objectives are given.

What labels `(n,)` are depends on the loss: indices of classes, the one label of a binary task, or
numbers to predict.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.batch import as_targets, sums_to_one
from mixup_multi.errors import SettingError
from mixup_multi.objectives.losses import TargetKind


def targets_of(labels: Tensor, kind: TargetKind | None, classes: int | None) -> Tensor:
    """Return targets `(n, c)` in floating point, float32 at least.

    Args:
        labels: `(n,)` class indices, 0/1 of a binary task, or numbers; or rows `(n, c)`.
        kind: what a row of targets is.
        classes: c; None where labels are rows, numbers or binary.

    Raises:
        SettingError: they are of no such form, there is none, a class index is out of its range,
            or a row is none of the kind. On a GPU an index out of range makes its row NaN instead,
            and rows are not looked at, for to look would be to wait; see `check_rows`.
    """
    if not isinstance(labels, Tensor):
        raise SettingError(
            f"labels are a {type(labels).__name__}: expected a tensor, (n,) or (n, c)"
        )
    if labels.dim() not in (1, 2):
        raise SettingError(
            f"labels are of shape {tuple(labels.shape)}: expected (n,), or rows (n, c); a method"
            " mixes whole examples, so labels of single pixels or words are not for it"
        )
    if not len(labels):
        raise SettingError(
            "the batch is empty: expected a row at least, for a mean over none is no number; leave"
            " empty batches out"
        )
    if labels.dim() == 2:
        return _rows(labels, kind, classes)
    if kind == "numbers" or (kind == "labels" and classes in (None, 1)):
        return _wide(labels)[:, None]
    _check_columns(kind, classes)
    return _one_hot(labels, classes)


def _wide(labels: Tensor) -> Tensor:
    if labels.dtype in (torch.float32, torch.float64):
        return labels
    return labels.to(torch.float32)


def _rows(labels: Tensor, kind: TargetKind | None, classes: int | None) -> Tensor:
    if classes is not None and labels.shape[1] != classes:
        raise SettingError(
            f"labels are rows of shape {tuple(labels.shape)}: expected {classes} columns, as"
            f" classes={classes} says; class indices are of shape (n,)"
        )
    _check_columns(kind, labels.shape[1])
    if labels.device.type == "cpu":
        check_rows(labels, kind)
    return _wide(labels)


def _check_columns(kind: TargetKind | None, columns: int | None) -> None:
    """Refuse a single class: a softmax over it is 1 whatever the model says."""
    if kind == "distribution" and columns == 1:
        raise SettingError(
            "labels have one column and the loss is over classes, so that it is 0 whatever the"
            " model says and nothing is learnt: expected loss='squared' for numbers to predict,"
            " loss='sigmoid' for a label that is 0 or 1, or a column for each of several classes",
            ("loss",),
        )


def check_rows(rows: Tensor, kind: TargetKind | None) -> None:
    """Raise `SettingError` where rows `(n, c)` for a loss over classes are no distributions.

    It waits for the rows' device.
    """
    if kind == "distribution" and not sums_to_one(rows):
        raise SettingError(
            "labels are rows (n, c) that do not sum to 1, and the loss is over classes that exclude"
            " each other: expected distributions; for independent labels, of which a row may have"
            " several, loss='sigmoid'; for numbers to predict, loss='squared'"
        )


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
