"""Splits of labelled rows: stratified, seeded, and safe for classes of one or two rows."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mixup_multi.errors import DataError, SettingError

if TYPE_CHECKING:
    from mixup_multi.engine.source import Trial

__all__ = ["check_all_classes", "stratified_fold", "stratified_parts", "train_and_test"]

Rows = NDArray[np.int64]


def stratified_parts(labels: Rows, shares: Sequence[float], seed: int) -> tuple[Rows, ...]:
    """Divide rows into parts with each class's share as near as whole rows allow.

    A class keeps at least one row in the first part (training), so a class of one row is only
    trained on; a class of two rows has one in training and one in the part that is owed most.

    Args:
        labels: `(N,)` class indices.
        shares: the parts' shares, the training part first; they sum to 1.
        seed: of the permutation within each class.

    Returns:
        For each part its rows in ascending order; disjoint, together all of them.

    Raises:
        SettingError: the shares are not positive numbers that sum to 1.
    """
    if not np.isclose(sum(shares), 1.0) or min(shares) < 0 or shares[0] <= 0:
        raise SettingError(f"split shares {list(shares)}: expected non-negative, summing to 1")
    random = np.random.default_rng(seed)
    parts: list[list[int]] = [[] for _ in shares]
    for label in np.unique(labels):
        rows = random.permutation(np.flatnonzero(labels == label))
        counts = _whole_counts(len(rows), np.asarray(shares, dtype=float))
        for part, chunk in zip(parts, np.split(rows, np.cumsum(counts)[:-1]), strict=True):
            part.extend(chunk.tolist())
    return tuple(np.array(sorted(part), dtype=np.int64) for part in parts)


def _whole_counts(rows: int, shares: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return whole counts by largest remainder, at least one in the first part."""
    counts = np.floor(rows * shares + 1e-9).astype(np.int64)
    owed = rows * shares - counts
    for _ in range(rows - int(counts.sum())):
        best = 0 if counts[0] == 0 else int(np.argmax(owed))
        counts[best] += 1
        owed[best] -= 1
    return counts


def stratified_fold(labels: Rows, folds: int, fold: int, seed: int) -> tuple[Rows, Rows]:
    """Return the (training, test) rows of one fold of scikit-learn's `StratifiedKFold`.

    A class of fewer rows than folds is in the test part of some folds only.

    Raises:
        SettingError: there are fewer than two folds, or `fold` is not in `0 .. folds - 1`.
        DataError: every class has fewer rows than there are folds.
    """
    from sklearn.model_selection import StratifiedKFold  # it imports scipy and pandas

    if folds < 2:
        raise SettingError(f"{folds} folds: expected at least 2")
    if not 0 <= fold < folds:
        raise SettingError(f"fold {fold}: expected 0 to {folds - 1}")
    if np.bincount(labels, minlength=1).max() < folds:
        raise DataError(
            f"{len(labels)} rows cannot be divided into {folds} folds: no class has a row for"
            " each; use fewer folds"
        )
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():  # of a class with fewer rows than folds
        warnings.simplefilter("ignore", UserWarning)
        train, test = list(splitter.split(np.zeros(len(labels)), labels))[fold]
    return train.astype(np.int64), test.astype(np.int64)


def train_and_test(labels: Rows, trial: Trial, test: float) -> tuple[Rows, Rows]:
    """Return the (training, test) rows of a trial: those of its fold, or of a share.

    As everywhere, a class of a single row is only trained on.

    Args:
        labels: `(N,)` class indices.
        trial: its seed shuffles the rows within each class; with folds, one is the test part.
        test: the test part's share, in (0, 1); not used with folds.

    Raises:
        SettingError: the share or the fold is out of range.
        DataError: every class has fewer rows than there are folds.
    """
    if trial.folds is None:
        if not 0 < test < 1:
            raise SettingError(f"test: {test}; expected a share in (0, 1)", ("test",))
        train, tested = stratified_parts(labels, [1 - test, test], trial.seed)
        return train, tested
    single = np.bincount(labels)[labels] == 1
    rest = np.flatnonzero(~single)
    train, tested = stratified_fold(labels[rest], trial.folds, trial.fold or 0, trial.seed)
    return np.sort(np.concatenate([rest[train], np.flatnonzero(single)])), rest[tested]


def check_all_classes(name: str, labels: Rows, classes: Sequence[str]) -> None:
    """Raise `DataError` where a class has no row in the training part."""
    absent = sorted(set(range(len(classes))) - set(np.unique(labels).tolist()))
    if absent:
        names = ", ".join(classes[i] for i in absent[:8])
        raise DataError(
            f"{name}: no training row of class {names}; expected every class in the training part."
            " Give training a larger share, or remove the class from the data."
        )
