"""How a table is loaded for a trial: the settings of each kind of data set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from mixup_multi.engine.source import Data, Trial, missing
from mixup_multi.errors import DataError, SettingError, did_you_mean

from .fit import Categorical, EncodeSettings, Scale
from .load import split_and_encode
from .openml_fetch import check_one
from .openml_local import (
    FOLDER,
    describe,
    find_by_name,
    folder_of,
    is_complete,
    local_names,
    read_openml,
)
from .split import SplitKind, SplitSettings
from .stored import read_table
from .table import Table, Task


def table_loader(
    name: str, read: Callable[[Path], Table], published: int | None = None
) -> Callable[..., Data]:
    """Return the `load` of a table that needs no setting to be found."""

    def load(
        root: Path,
        trial: Trial,
        *,
        test: float = 0.2,
        validation: float = 0.0,
        split: SplitKind = "random",
        indicator: bool = True,
        scale: Scale = "standard",
        categorical: Categorical = "onehot",
    ) -> Data:
        """Load the table, split for a trial and encoded by its training rows.

        Args:
            root: the data root.
            trial: its seed shuffles the rows within each class; with folds, one is the test part.
            test: the test part's share of all rows; not used with folds or a published split.
            validation: the validation part's share of all rows; 0 for none.
            split: `random`, stratified by class where there are classes; or `published` where
                there is one (mnist_784: the first 60,000 rows train).
            indicator: whether a numeric column with missing training values gets a column beside
                it that is 1 where it is missing; its training median is filled in.
            scale: `standard` gives numeric columns mean 0 and standard deviation 1 in training;
                `none` leaves them.
            categorical: `onehot`, a column of 0 and 1 for each level seen in training (unknown
                or missing: all 0); or `embed`, codes from 1 for the model to embed (unknown or
                missing: 0).

        Raises:
            SettingError: a setting is out of range.
            DataError: the data is missing, damaged, or leaves a class or a part without rows.
        """
        shares = SplitSettings(test, validation, split)
        encode = EncodeSettings(indicator, scale, categorical)
        return split_and_encode(name, read(root), trial, shares, encode, published)

    return load


def load_openml(
    root: Path,
    trial: Trial,
    *,
    id: int | None = None,
    table: str | None = None,
    target: str | None = None,
    ignore: tuple[str, ...] = (),
    task: Task = "classification",
    test: float = 0.2,
    validation: float = 0.0,
    split: SplitKind = "random",
    indicator: bool = True,
    scale: Scale = "standard",
    categorical: Categorical = "onehot",
) -> Data:
    """Load any OpenML table that lies below the data root; `table_loader` tells the other settings.

    Args:
        root: the data root.
        trial: as for every table.
        id: OpenML's number of the table.
        table: its name, in place of `id`.
        target: the column to predict; OpenML's default target by default.
        ignore: columns to leave out.
        task: whether the target's classes or its numbers are to be predicted.
        test: the test part's share.
        validation: the validation part's share.
        split: `random`; an arbitrary table has no published split.
        indicator: whether missing numbers are flagged.
        scale: whether numeric columns are standardised.
        categorical: one-hot columns, or codes to embed.

    Raises:
        SettingError: not exactly one of `id` and `table` is given, or a setting is out of range.
        DataError: the data is missing, damaged, or does not hold the task.
    """
    check_one(id, table)
    folder = _find(root, id, table)
    content = read_openml("openml", folder, target, ignore, task)
    found = describe(folder)
    shares = SplitSettings(test, validation, split)
    encode = EncodeSettings(indicator, scale, categorical)
    return split_and_encode(f"openml_{found.id}_{found.name}", content, trial, shares, encode)


def _find(root: Path, id: int | None, table: str | None) -> Path:
    """Return the folder of a table that is there, by number or by name."""
    found = None if table is None else find_by_name(root, table)
    number = id if found is None else found.id
    if number is None:
        there = local_names(root)
        nearest = f" There is no table {table!r}{did_you_mean(str(table), there)}" if there else ""
        absent = missing("openml", root / FOLDER, "", f"openml --set table={table}")
        raise DataError(f"{absent}{nearest}")
    folder = folder_of(root, number)
    if not is_complete(folder):
        raise missing("openml", folder, "", f"openml --set id={number}")
    return folder


def load_file(
    root: Path,
    trial: Trial,
    *,
    path: str,
    target: str | None = None,
    ignore: tuple[str, ...] = (),
    task: Task = "classification",
    test: float = 0.2,
    validation: float = 0.0,
    split: SplitKind = "random",
    indicator: bool = True,
    scale: Scale = "standard",
    categorical: Categorical = "onehot",
    separator: str = ",",
) -> Data:
    """Load a table of your own; `table_loader` tells the settings that are not told here.

    Args:
        root: the data root.
        trial: as for every table.
        path: a CSV with a header line, an ARFF or a parquet; absolute, or below the data root.
        target: the column to predict; the last one by default.
        ignore: columns to leave out.
        task: whether the target's classes or its numbers are to be predicted.
        test: the test part's share.
        validation: the validation part's share.
        split: `random`; a file has no published split.
        indicator: whether missing numbers are flagged.
        scale: whether numeric columns are standardised.
        categorical: one-hot columns, or codes to embed.
        separator: what stands between a CSV's values, one letter: `,`, `;`, a tab, ...

    Raises:
        SettingError: a column that is named does not exist, or a setting is out of range.
        DataError: the file is missing, damaged, or does not hold the task.
    """
    if len(separator) != 1:
        raise SettingError(
            f"separator: {separator!r}; expected one letter, e.g. ';' or \"\\t\"", ("separator",)
        )
    file = root / Path(path).expanduser()
    content = read_table(file.name, file, target, ignore, task=task, separator=separator)
    shares = SplitSettings(test, validation, split)
    encode = EncodeSettings(indicator, scale, categorical)
    return split_and_encode(file.stem, content, trial, shares, encode)
