"""Reading a table's file: CSV, ARFF or parquet, each into a pandas frame.

A frame's categorical dtype means that the file itself declares the levels (an ARFF nominal, a
parquet dictionary); text that declares nothing stays text and is judged in `columns`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mixup_multi.errors import DataError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd

Attribute = tuple[str, str | list[str]]
"""An ARFF column: its name, and its type's name or its nominal levels."""


SEPARATORS = (",", ";", "\t", "|", " ")
"""Between the names of a CSV's header, as far as we guess in a message."""


def read_frame(name: str, path: Path, separator: str = ",") -> pd.DataFrame:
    """Read a table with one row an example and unique column names; `separator` is a CSV's.

    Missing values are pandas' usual markers (`""`, `NA`, `NaN`, ...) and `?` in a CSV, `?` in an
    ARFF (dense or sparse), nulls in a parquet.

    Raises:
        DataError: the file is of another kind or cannot be read.
    """
    readers: dict[str, Callable[[Path], pd.DataFrame]] = {
        ".csv": partial(_read_csv, separator=separator),
        ".arff": _read_arff,
        ".parquet": _read_parquet,
        ".pq": _read_parquet,
    }
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise DataError(
            f"{name}: {path} ends in {path.suffix!r}; expected .csv, .arff, .parquet or .pq"
        )
    try:
        frame = reader(path)
    except DataError:
        raise
    except Exception as error:  # three libraries' parsers, each with exceptions of its own
        said = f"{type(error).__name__}: {' '.join(str(error).split())}"
        raise DataError(
            f"{name}: {path} cannot be read as {path.suffix[1:]} ({said})."
            f" Mend the file, or get another copy.{_separator_hint(path, separator)}"
        ) from None
    frame.columns = frame.columns.map(str)
    _check_shape(name, path, frame, _separator_hint(path, separator))
    return frame


def check_file(name: str, path: Path) -> None:
    """Raise `DataError` where there is no file at `path`, naming the nearest one beside it."""
    if path.is_file():
        return
    beside = [p.name for p in path.parent.iterdir()] if path.parent.is_dir() else []
    where = f"is not in {path.parent}" + ("" if path.parent.is_dir() else ", which is no folder")
    hint = did_you_mean(path.name, beside) if beside else ""
    raise DataError(
        f"{name}: the file {path.name} {where}{hint}. A path is taken from the data root (--data"
        " or MIXUP_MULTI_DATA, by default ./data) unless it is absolute."
    )


def _separator_hint(path: Path, separator: str) -> str:
    """Return which separator a CSV seems to have, where it is another; empty where not."""
    if path.suffix.lower() != ".csv":
        return ""
    with path.open(encoding="utf-8", errors="replace") as file:
        header = file.readline()
    seen = max(SEPARATORS, key=header.count)
    if header.count(seen) <= header.count(separator):
        return ""
    shown = {"\t": "a tab", " ": "a space"}.get(seen, f"{seen!r}")
    return (
        f" Its header has {shown} between names, not {separator!r}: set"
        f" separator: {json.dumps(seen)} (data set file)."
    )


def _check_shape(name: str, path: Path, frame: pd.DataFrame, hint: str) -> None:
    if not frame.columns.is_unique:
        twice = sorted(set(frame.columns[frame.columns.duplicated()]))
        raise DataError(f"{name}: {path} has several columns called {', '.join(twice[:8])}")
    if frame.shape[0] == 0 or frame.shape[1] < 2:
        raise DataError(
            f"{name}: {path} has {frame.shape[0]} rows and {frame.shape[1]} columns;"
            f" expected at least one row, one feature and a target.{hint}"
        )


def _read_csv(path: Path, separator: str) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(
        path, sep=separator, na_values=["?"], skipinitialspace=True, low_memory=False
    )


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_parquet(path)


def _read_arff(path: Path) -> pd.DataFrame:
    import arff
    import pandas as pd

    with path.open(encoding="utf-8") as file:
        kind = arff.LOD if _is_sparse(path) else arff.DENSE
        content = arff.load(file, return_type=kind)
    attributes: list[Attribute] = content["attributes"]
    rows = content["data"] if kind == arff.DENSE else list(_filled(content["data"], attributes))
    frame = pd.DataFrame(rows, columns=[column for column, _ in attributes])
    return frame.astype({column: _dtype(declared) for column, declared in attributes})


def _is_sparse(path: Path) -> bool:
    """Tell whether the first row of the data is written as `{index value, ...}`."""
    with path.open(encoding="utf-8") as file:
        lines = (line.strip() for line in file)
        for line in lines:
            if line.lower().startswith("@data"):
                break
        return next((line for line in lines if line and line[0] != "%"), "").startswith("{")


def _filled(rows: list[Mapping[int, Any]], attributes: list[Attribute]) -> Iterator[list[Any]]:
    """Yield dense rows; what a sparse row leaves out is 0, of a nominal its first level."""
    default = [declared[0] if isinstance(declared, list) else 0.0 for _, declared in attributes]
    for row in rows:
        yield [row.get(column, value) for column, value in enumerate(default)]


def _dtype(declared: str | list[str]) -> Any:
    import pandas as pd

    if isinstance(declared, list):
        return pd.CategoricalDtype(declared)
    return object if declared == "STRING" else "float64"
