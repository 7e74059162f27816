"""A table as arrays: numeric columns, categorical codes, what to predict, and a key of them all."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from mixup_multi.engine.cache import content_key
from mixup_multi.errors import DataError, SettingError, did_you_mean

from .columns import codes_of, is_boolean, is_categorical, numbers_of

if TYPE_CHECKING:
    import pandas as pd

Task = Literal["classification", "regression"]
MOST_NUMERIC_CLASSES = 100
"""A numeric target with more distinct values than this is taken for a quantity."""


@dataclass(frozen=True)
class Table:
    """`N` rows; nothing in it is fitted, imputed or scaled.

    Attributes:
        numbers: `(p, N)`, one numeric column a row, NaN where missing.
        codes: `(k, N)` int32, one categorical column a row, -1 where missing.
        labels: `(N,)` int64, indices into `classes`; of a regression the targets, finite numbers.
        number_names: the numeric columns' names.
        code_names: the categorical columns' names.
        levels: of each categorical column, the names that its codes stand for.
        classes: the classes that have rows; of a regression the target's name alone.
        dropped: classes that the file declares and that have no rows.
        task: whether classes or numbers are to be predicted.
    """

    numbers: NDArray[Any]
    codes: NDArray[np.int32]
    labels: NDArray[Any]
    number_names: tuple[str, ...]
    code_names: tuple[str, ...]
    levels: tuple[tuple[str, ...], ...]
    classes: tuple[str, ...]
    dropped: tuple[str, ...]
    task: Task = "classification"

    @property
    def features(self) -> int:
        """The number of columns beside the target."""
        return len(self.numbers) + len(self.codes)

    @property
    def key(self) -> str:
        """A hash of the content, the same for one table stored in different file formats."""
        names = [self.number_names, self.code_names, self.levels, self.classes]
        return content_key(json.dumps(names), self.numbers, self.codes, self.labels)


def table_of(
    name: str,
    frame: pd.DataFrame,
    target: str,
    ignore: Sequence[str] = (),
    task: Task = "classification",
) -> Table:
    """Turn a frame into a `Table`, leaving out the columns in `ignore`.

    Raises:
        SettingError: `target` or a name in `ignore` is no column.
        DataError: a column cannot be read, or `target` does not hold what the task predicts.
    """
    _check_columns(name, frame, [target, *ignore])
    features = frame.drop(columns=[target, *ignore])
    if features.shape[1] == 0:
        raise DataError(f"{name}: no column is left beside the target {target!r}")
    categorical = {c for c in features if is_categorical(name, features[c])}
    number_names = tuple(c for c in features if c not in categorical)
    code_names = tuple(c for c in features if c in categorical)
    coded = [codes_of(features[c]) for c in code_names]
    empty = np.empty((0, len(frame)))
    numbers = [numbers_of(name, features[c]) for c in number_names]
    read = labels_of if task == "classification" else targets_of
    labels, classes, dropped = read(name, frame[target])
    return Table(
        numbers=np.stack(numbers) if numbers else empty.astype(np.uint8),
        codes=np.stack([codes for codes, _ in coded]) if coded else empty.astype(np.int32),
        labels=labels,
        number_names=tuple(map(str, number_names)),
        code_names=tuple(map(str, code_names)),
        levels=tuple(levels for _, levels in coded),
        classes=classes,
        dropped=dropped,
        task=task,
    )


def _check_columns(name: str, frame: pd.DataFrame, asked: Sequence[str]) -> None:
    for column in asked:
        if column not in frame.columns:
            raise SettingError(
                f"{name} has no column {column!r}{did_you_mean(column, map(str, frame))}"
            )
    if asked[0] in asked[1:]:
        raise SettingError(f"{name}: {asked[0]!r} is the target, so it cannot be ignored as well")


def labels_of(
    name: str, column: pd.Series[Any]
) -> tuple[NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Return labels `(N,)`, the classes that have rows, and the declared ones that have none.

    Raises:
        DataError: a target is missing, there is one class only, or the target is a quantity.
    """
    _check_present(name, column, "a class")
    if is_categorical(name, column) or is_boolean(column):
        codes, levels = codes_of(column)
    else:
        codes, levels = _numeric_classes(name, column)
    used, labels = np.unique(codes, return_inverse=True)
    _check_classes(name, str(column.name), len(used), len(column))
    without_rows = set(range(len(levels))) - set(used.tolist())
    classes = tuple(levels[i] for i in used)
    return labels.astype(np.int64), classes, tuple(levels[i] for i in sorted(without_rows))


def targets_of(
    name: str, column: pd.Series[Any]
) -> tuple[NDArray[np.float64], tuple[str, ...], tuple[str, ...]]:
    """Return the numbers to predict `(N,)`, the target's name as the one class, and no others.

    Raises:
        DataError: a target is missing or infinite, or the target does not hold numbers.
    """
    _check_present(name, column, "a number")
    if is_categorical(name, column) or is_boolean(column):
        raise DataError(
            f"{name}: the target {column.name!r} names classes; regression expects numbers."
            " Choose another target, or task: classification."
        )
    return numbers_of(name, column).astype(np.float64), (str(column.name),), ()


def _check_present(name: str, column: pd.Series[Any], expected: str) -> None:
    absent = int(column.isna().sum())
    if absent:
        raise DataError(
            f"{name}: the target {column.name!r} is missing in {absent} of {len(column)} rows,"
            f" first in row {int(column.isna().to_numpy().argmax())} (from 0);"
            f" expected {expected} in every row. Remove those rows."
        )


def _numeric_classes(
    name: str, column: pd.Series[Any]
) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    values, codes = np.unique(numbers_of(name, column), return_inverse=True)
    if len(values) > MOST_NUMERIC_CLASSES or (values != np.floor(values)).any():
        raise DataError(
            f"{name}: the target {column.name!r} holds {len(values)} distinct numbers from"
            f" {values[0]:g} to {values[-1]:g}, which is a quantity; classification is expected:"
            f" whole numbers, at most {MOST_NUMERIC_CLASSES} of them, or names of classes."
            " Choose another target, group its values into classes, or predict the quantity:"
            " task: regression (data sets openml and file)."
        )
    return codes.astype(np.int32), tuple(str(int(value)) for value in values)


def _check_classes(name: str, target: str, classes: int, rows: int) -> None:
    if classes < 2 or classes > max(2, rows // 2):
        raise DataError(
            f"{name}: the target {target!r} has {classes} classes in {rows} rows; classification"
            " is expected: at least two classes, and fewer than half as many as rows."
            " Choose another target."
        )
