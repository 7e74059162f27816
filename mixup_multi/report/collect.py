"""Reading an output folder: what is finished, and what is failed, unfinished or damaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mixup_multi.errors import OutputError
from mixup_multi.grid.analyses import kept_analyses, unmade_analyses
from mixup_multi.grid.folder.locks import running
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.protocol.record import read_protocol
from mixup_multi.grid.protocol.selection import Done, Selected, select
from mixup_multi.grid.recipes import KeptRecipe, kept_recipes
from mixup_multi.report.apart import tell_apart
from mixup_multi.report.cells import FinishedCell, Unfinished, read_cell, title_of
from mixup_multi.report.layout import LAYOUTS, METHODS

Record = Mapping[str, Any]


@dataclass(frozen=True)
class Collected:
    """Everything that an output folder holds.

    Attributes:
        told_apart: places whose equal labels had to be told apart.
        stale: cells retired for older data.
        recipes: that were run there.
        damaged_recipes: their files that cannot be read.
        tried: how many cells a search only tried.
        analyses: what is known of each analysis, by its folder.
        unmade: why analyses that were begun are not whole, by the folder's name.
    """

    out: Path
    finished: tuple[FinishedCell, ...]
    unfinished: tuple[Unfinished, ...]
    told_apart: tuple[str, ...]
    stale: tuple[str, ...]
    recipes: tuple[KeptRecipe, ...]
    damaged_recipes: tuple[str, ...]
    tried: int = 0
    analyses: Mapping[Path, Record] = field(default_factory=dict)
    unmade: Mapping[str, str] = field(default_factory=dict)


def collect(out: Path) -> Collected:
    """Read all cells and analyses below `out`.

    Raises:
        OutputError: it is not an output folder, or no cell has even begun and no analysis ended.
    """
    home = out / "cells"
    folders = sorted(p for p in home.iterdir() if _is_cell(p)) if home.is_dir() else []
    analyses = kept_analyses(out)
    if not folders and not analyses:
        raise OutputError(
            f"{out} holds no cells; expected the output folder of `mixup-multi run`,"
            " which has a folder `cells`"
        )
    holders = running(out)
    read = [read_cell(CellFolder(path), holders.get(path.name)) for path in folders]
    finished = [cell for cell in read if isinstance(cell, FinishedCell)]
    selected, unselected = reported(finished, read_protocol(out))
    shown, told_apart = tell_apart(selected)
    recipes, damaged = kept_recipes(out)
    places = {name: i for i, name in enumerate(n for r in recipes for n in r.analyses)}
    last = len(places)
    return Collected(
        out=out,
        finished=tuple(shown),
        unfinished=(*(cell for cell in read if isinstance(cell, Unfinished)), *unselected),
        told_apart=told_apart,
        stale=tuple(sorted(p.name for p in (out / "stale").glob("*") if _is_cell(p))),
        recipes=tuple(recipes),
        damaged_recipes=tuple(damaged),
        tried=len(finished) - len(selected) - len(unselected),
        analyses=dict(sorted(analyses.items(), key=lambda one: places.get(one[0].name, last))),
        unmade=unmade_analyses(out),
    )


def reported(
    finished: Sequence[FinishedCell], entries: Mapping[str, Mapping[str, Any]]
) -> tuple[list[FinishedCell], list[Unfinished]]:
    """Return finished cells with the numbers of the epoch that their protocol selects.

    Args:
        finished: as their folders tell them, with the last epoch's numbers.
        entries: of protocol.json, by folder.

    Returns:
        The cells but those that a search only tried; and those of which nothing can be selected.
    """
    rules: dict[Any, list[FinishedCell]] = {}
    for cell in finished:
        entry = entries.get(cell.folder.path.name, {})
        if "tried" not in entry:
            layout = LAYOUTS.get(entry.get("columns", ""), METHODS)
            cell = replace(cell, search=entry.get("search", {}), layout=layout)
            rules.setdefault(entry.get("selection", "last"), []).append(cell)
    taken: dict[Path, FinishedCell] = {}
    without = []
    for rule, cells in rules.items():
        done = [Done(cell.record, cell.result, cell.history) for cell in cells]
        for cell, selection in zip(cells, select(rule, done), strict=True):
            if isinstance(selection, Selected):
                taken[cell.folder.path] = replace(cell, result=selection.over(cell.result))
            else:
                key, title = str(cell.record["key"]), title_of(cell.record)
                without.append(Unfinished(key, "unselected", title, selection.why))
    return [taken[c.folder.path] for c in finished if c.folder.path in taken], without


def _is_cell(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")
