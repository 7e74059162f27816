"""Which rows train, validate and test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from mixup_multi.engine.source import Trial
from mixup_multi.engine.splits import Rows, stratified_parts, train_and_test
from mixup_multi.errors import DataError, SettingError

SplitKind = Literal["random", "published"]


@dataclass(frozen=True)
class SplitSettings:
    """How rows are divided; see the loaders of `data` for the fields."""

    test: float = 0.2
    validation: float = 0.0
    split: SplitKind = "random"


@dataclass(frozen=True)
class Parts:
    """Disjoint row numbers, ascending, that together are all rows."""

    train: Rows
    test: Rows
    validation: Rows | None


def divide(
    name: str, labels: Rows, trial: Trial, settings: SplitSettings, published: int | None = None
) -> Parts:
    """Divide rows, each class by its share; the trial's seed shuffles within each class.

    Rows of one class, such as those of a regression, are divided at random.

    Args:
        name: the data set's name, for messages.
        labels: `(N,)` class indices.
        trial: with `folds`, its fold is the test part and `settings.test` is not used.
        settings: the parts' shares of all rows, and the kind of split.
        published: how many rows, the first ones, the published split trains on; None where
            there is no published split.

    Raises:
        SettingError: a share is out of range, or a split is asked for that does not exist.
        DataError: a part is left without rows.
    """
    _check_shares(name, settings)
    if settings.split == "published":
        pool, test = _published(name, len(labels), trial, published)
    else:
        pool, test = train_and_test(labels, trial, settings.test)
    if settings.validation == 0:
        return _checked(name, Parts(pool, test, None))
    share = settings.validation * len(labels) / len(pool)
    if share >= 1:
        raise SettingError(
            f"{name}: a validation share of {settings.validation} leaves no training rows"
            f" beside {len(test)} test rows of {len(labels)}; choose a smaller one"
        )
    train, validation = stratified_parts(labels[pool], [1 - share, share], trial.seed)
    return _checked(name, Parts(pool[train], test, pool[validation]))


def _check_shares(name: str, settings: SplitSettings) -> None:
    test, validation = settings.test, settings.validation
    if not (0 < test < 1 and 0 <= validation < 1 and test + validation < 1):
        raise SettingError(
            f"{name}: test: {test}, validation: {validation}; expected shares of all rows:"
            " test above 0, validation at least 0, and some rows left to train on"
        )


def _published(name: str, rows: int, trial: Trial, published: int | None) -> tuple[Rows, Rows]:
    if published is None:
        raise SettingError(f"{name} has no published split; expected split: random")
    if trial.folds is not None:
        raise SettingError(f"{name}: a published split has no folds; leave out one of the two")
    if rows <= published:
        raise DataError(f"{name} has {rows} rows; its published split trains on {published}")
    return np.arange(published), np.arange(published, rows)


def _checked(name: str, parts: Parts) -> Parts:
    for part, rows in (("test", parts.test), ("validation", parts.validation)):
        if rows is not None and len(rows) == 0:
            raise DataError(
                f"{name}: the {part} part has no rows; give it a larger share, or more data"
            )
    return parts
