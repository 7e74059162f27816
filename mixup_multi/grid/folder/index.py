"""An index of an output folder: OUT/index.sqlite, one row a cell folder.

It is a convenience, for queries and for listing many cells without opening their files. The
folders are the truth: a row counts only while its result.json is the file it was read from, and
the index may be deleted or rebuilt at any time. Only the driver of a run writes it.
"""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixup_multi.engine.cache import write_atomically
from mixup_multi.grid.folder.store import CellFolder

COLUMNS = (
    "folder", "state", "key", "adapter", "dataset", "model", "method", "seed", "fold", "epochs",
    "seconds", "test_error", "train_error", "validation_error", "data_key", "stamp", "result",
    "cell",
)  # fmt: skip
FILE = "index.sqlite"
log = logging.getLogger("mixup_multi")


@dataclass(frozen=True)
class Row:
    """What a listing needs of a done cell's folder: the stamp of its result, and two records."""

    stamp: str
    result: str
    cell: str


def rebuild(out: Path) -> int:
    """Write the index anew from the folders, and return how many cells it has."""
    names = cell_names(out)

    def write(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database:
            _insert(database, out, names)

    write_atomically(out / FILE, write)
    return len(names)


def update(out: Path, names: Iterable[str]) -> None:
    """Read cell folders into the index; a damaged index is left to be rebuilt."""
    try:
        with closing(sqlite3.connect(out / FILE)) as database:
            _insert(database, out, names)
    except sqlite3.Error as error:
        log.debug("%s is not up to date: %s", out / FILE, error)


def load(out: Path) -> dict[str, Row]:
    """Return the rows of the done cells by folder; none where the index is missing or damaged."""
    rows = _ask(out, "select folder, stamp, result, cell from cells where state = 'done'")
    return {folder: Row(*rest) for folder, *rest in rows or ()}


def counts(out: Path) -> dict[str, int] | None:
    """Return how many cells are in each state; None where the index is missing or damaged."""
    rows = _ask(out, "select state, count(*) from cells group by state order by state")
    return None if rows is None else dict(rows)


def _ask(out: Path, query: str) -> list[tuple[Any, ...]] | None:
    """Return a query's rows, writing nothing; None where the index is missing or damaged."""
    where = (out / FILE).resolve().as_uri() + "?mode=ro"
    try:
        with closing(sqlite3.connect(where, uri=True)) as database:
            return database.execute(query).fetchall()
    except sqlite3.Error:
        return None


class Records:
    """The results and resolved cells of an output folder; by the index where it is up to date."""

    def __init__(self, out: Path) -> None:
        self.cells = out / "cells"
        self.rows = load(out)

    def folder(self, name: str) -> CellFolder:
        """Return the cell folder `name`."""
        return CellFolder(self.cells / name)

    def result(self, name: str) -> dict[str, Any] | None:
        """Return the result of the cell folder `name`, or None where it has none that is whole."""
        row = self._row(name)
        return self.folder(name).read_whole("result") if row is None else json.loads(row.result)

    def cell(self, name: str) -> dict[str, Any] | None:
        """Return what decided the numbers of the cell folder `name`."""
        row = self._row(name)
        return self.folder(name).read_whole("cell") if row is None else json.loads(row.cell)

    def _row(self, name: str) -> Row | None:
        row = self.rows.get(name)
        return row if row is not None and row.stamp == _stamp(self.cells / name) else None


def cell_names(out: Path) -> list[str]:
    """Return the names of all cell folders, in order."""
    folder = out / "cells"
    return sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []


def _stamp(folder: Path) -> str:
    """Return what tells one result.json from another without reading it; empty if there is none."""
    try:
        status = (folder / "result.json").stat()
    except OSError:
        return ""
    return f"{status.st_mtime_ns} {status.st_size} {status.st_ino}"


def _insert(database: sqlite3.Connection, out: Path, names: Iterable[str]) -> None:
    with _quickly(database):
        database.execute(f"create table if not exists cells ({', '.join(COLUMNS)})")
        database.execute("create unique index if not exists by_folder on cells (folder)")
        marks = ", ".join("?" * len(COLUMNS))
        rows = (row for name in names if (row := _row_of(out / "cells" / name)))
        database.executemany(f"insert or replace into cells values ({marks})", rows)


@contextmanager
def _quickly(database: sqlite3.Connection) -> Iterator[None]:
    """Commit at the end, without waiting for the disk: the index can be made again."""
    database.execute("pragma synchronous = off")
    with database:
        yield


def _row_of(folder: Path) -> tuple[Any, ...] | None:
    stamp = _stamp(folder)
    store = CellFolder(folder)
    cell = store.read_whole("cell")
    if cell is None:
        return None
    result = store.read_whole("result")
    failed = result is None and (folder / "failure.json").exists()
    found = result or {}
    return (
        folder.name,
        "done" if result is not None else "failed" if failed else "begun",
        cell["key"],
        cell["adapter"],
        *(cell[kind]["label"] for kind in ("dataset", "model", "method")),
        cell["seed"],
        cell["fold"],
        *(found.get(name) for name in COLUMNS[9:14]),
        cell["data_key"],
        stamp,
        json.dumps(found),
        json.dumps(cell),
    )
