"""What the cells of an output folder are reported as: OUT/protocol.json, told by each run.

A cell's own files say what it is; which of its epochs a protocol reports, in which table it
stands, and whether a search only tried it, is a matter of the recipe that was run last with it. A
cell that the file does not name is reported at its last epoch, in the column of its method.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mixup_multi.engine.sealed import DamagedError, set_aside
from mixup_multi.grid.folder.locks import held
from mixup_multi.grid.folder.sealed_json import read_json, write_json
from mixup_multi.recipe.cell import Cell

FILE = "protocol.json"
Entry = dict[str, Any]


def read_protocol(out: Path) -> dict[str, Entry]:
    """Return the entries by the cell's folder: what is not as usual.

    `selection`; `columns` of a table of systems; `tried`; and `search` where chosen.

    Raises:
        DamagedError: the file is damaged.
    """
    content = read_json(out / FILE)
    return {} if content is None else content["cells"]


def tell(out: Path, cells: Iterable[Cell]) -> None:
    """Keep what `cells` are run for, beside what is known of others.

    A damaged file is set aside. A cell that a search tries and that is already there for its own
    sake stays in the tables.

    Raises:
        WriteError: the file cannot be written.
    """
    cells = list(cells)
    if not (out / FILE).exists() and all(_entry(cell) is None for cell in cells):
        return
    with held(out, FILE):
        known: dict[str, Entry] = {}
        lost = False  # what is there for its own sake cannot be told any more
        try:
            known = read_protocol(out)
        except DamagedError:
            set_aside(out / FILE)
            lost = True
        changed = _merged(out, known, cells, lost=lost)
        if changed != known:
            write_json(out / FILE, {"cells": changed})


def _merged(
    out: Path, known: dict[str, Entry], cells: list[Cell], *, lost: bool
) -> dict[str, Entry]:
    changed = dict(known)
    for cell in cells:
        entry = _entry(cell)
        if entry is None:
            changed.pop(cell.folder, None)
        elif "tried" not in entry or lost or not _reported(out, known, cell):
            changed[cell.folder] = entry
    return changed


def _entry(cell: Cell) -> Entry | None:
    """Return a cell's entry as plain values; None for one that is reported as usual."""
    columns = {} if cell.columns == "method" else {"columns": cell.columns}
    if cell.search is None:
        usual = cell.selection == "last" and not columns
        return None if usual else {"selection": cell.selection, **columns}
    if not cell.search.final:
        return {"tried": dict(cell.search.point)}
    search = {"chosen": dict(cell.search.point), **cell.search.told}
    told = {"selection": cell.selection, **columns, "search": search}
    entry: Entry = json.loads(json.dumps(told))
    return entry


def _reported(out: Path, known: dict[str, Entry], cell: Cell) -> bool:
    """Return whether a cell is there for its own sake, not by an earlier search."""
    entry = known.get(cell.folder)
    if entry is None:
        return (out / "cells" / cell.folder).exists()
    return "tried" not in entry and "search" not in entry
