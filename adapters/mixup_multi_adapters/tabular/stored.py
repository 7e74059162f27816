"""A table's file as a `Table`, parsed once where parsing is slow."""

from __future__ import annotations

import contextlib
import json
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from mixup_multi.engine.cache import cache_folder, content_key, write_atomically
from mixup_multi.errors import OutputError

from .files import check_file, read_frame
from .table import Table, Task, table_of

SLOW = 1.0
"""Seconds of parsing from which a parsed copy is kept."""
FORMAT = "1"
"""To be raised when parsing changes, so that older copies are no longer found."""
ARRAYS = ("numbers", "codes", "labels")
NAMES = ("number_names", "code_names", "levels", "classes", "dropped", "task")


def read_table(
    name: str,
    path: Path,
    target: str | None,
    ignore: Sequence[str] = (),
    left_out: Sequence[str] = (),
    task: Task = "classification",
    separator: str = ",",
) -> Table:
    """Read a file's table, keeping a copy in the cache where it took long to parse.

    Args:
        name: the data set's name, for messages.
        path: a file that `read_frame` reads.
        target: the column to predict; the last one where it is None.
        ignore: columns to leave out; each has to exist.
        left_out: columns to leave out where they exist.
        task: whether the target's classes or its numbers are to be predicted.
        separator: what stands between a CSV's values.

    Raises:
        SettingError: `target` or a name in `ignore` is no column.
        DataError: the file is missing, cannot be read, or does not hold the task.
    """
    check_file(name, path)
    asked = json.dumps([FORMAT, path.suffix, target, list(ignore), list(left_out), task, separator])
    copy = Path("tabular", f"{content_key(path, asked)}.npz")
    known = _read_copy(copy)
    if known is not None:
        return known
    start = time.perf_counter()
    frame = read_frame(name, path, separator)
    target = str(frame.columns[-1]) if target is None else target
    table = table_of(name, frame, target, [*ignore, *(c for c in left_out if c in frame)], task)
    if time.perf_counter() - start > SLOW:
        _keep_copy(copy, table)
    return table


def _keep_copy(copy: Path, table: Table) -> None:
    names = json.dumps({n: getattr(table, n) for n in NAMES})
    arrays = {a: getattr(table, a) for a in ARRAYS}

    def write(path: Path) -> None:
        with path.open("wb") as file:
            np.savez(file, names=np.frombuffer(names.encode(), dtype=np.uint8), **arrays)

    with contextlib.suppress(OutputError):  # without a copy the next load is only slower
        write_atomically(cache_folder(*copy.parent.parts) / copy.name, write)


def _read_copy(copy: Path) -> Table | None:
    """Return the kept table; None where there is none or it cannot be read."""
    with contextlib.suppress(OutputError, OSError, ValueError, KeyError, zipfile.BadZipFile):
        kept = np.load(cache_folder(*copy.parent.parts) / copy.name, allow_pickle=False)
        with kept:
            names = json.loads(kept["names"].tobytes())
            return Table(
                numbers=kept["numbers"],
                codes=kept["codes"],
                labels=kept["labels"],
                number_names=tuple(names["number_names"]),
                code_names=tuple(names["code_names"]),
                levels=tuple(tuple(column) for column in names["levels"]),
                classes=tuple(names["classes"]),
                dropped=tuple(names["dropped"]),
                task=names["task"],
            )
    return None
