"""The published values, packaged as data: one CSV a table, each row with its source and caveats."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True)
class Published:
    """A published value with its unit as printed.

    `spread` is the text after ±, empty where none is given; `std` is its number, else None.
    """

    value: float
    std: float | None
    spread: str
    metric: str
    trials: str
    note: str
    source: str


def _folder() -> Path:
    return Path(str(files("mixup_multi.report"))) / "paper"


def tables() -> list[str]:
    """Return the names of the packaged tables."""
    return sorted(path.stem for path in _folder().glob("*.csv"))


@cache
def _rows(table: str) -> tuple[dict[str, str], ...]:
    with (_folder() / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(csv.DictReader(file))


@cache
def published_labels(table: str, kind: str) -> tuple[str, ...]:
    """Return a table's labels of `dataset`, `model` or `method` in its order, in lower case.

    A table that is not packaged (cells of another version may name one) has none.
    """
    if table not in tables():
        return ()
    column = "architecture" if kind == "model" else kind
    return tuple(dict.fromkeys(row[column].casefold() for row in _rows(table)))


def published_entries(table: str) -> list[tuple[str, str, str]]:
    """Return every (data set, architecture, method) of a table that has a value."""
    rows = _rows(table) if table in tables() else ()
    return [(row["dataset"], row["architecture"], row["method"]) for row in rows if row["value"]]


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def published(table: str, dataset: str, model: str, method: str) -> Published | None:
    """Return the published value for labels as tables print them, or None.

    Names are compared by their letters and digits. A table with one architecture a data set
    needs no model name.
    """
    if table not in tables():
        return None
    wanted = (_plain(dataset), _plain(method))
    rows = [
        row for row in _rows(table) if (_plain(row["dataset"]), _plain(row["method"])) == wanted
    ]
    if len({row["architecture"] for row in rows}) > 1:
        rows = [row for row in rows if _plain(row["architecture"]) == _plain(model)]
    if not rows or not rows[0]["value"]:
        return None
    row = rows[0]
    std = float(row["std"]) if row["std"] else None
    source = f"{row['source']}, {row['table']}"
    return Published(
        float(row["value"]), std, row["std"], row["metric"], row["n_trials"], row["note"], source
    )
