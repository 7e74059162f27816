"""How far the cells of a plan are, read from their folders; nothing is written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mixup_multi.grid.checks import DataKeys
from mixup_multi.grid.folder.index import Records, cell_names
from mixup_multi.grid.folder.locks import Owner, running
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.recipe.cell import Cell

State = Literal["done", "running", "failed", "stale", "to do"]
STATES: tuple[State, ...] = ("done", "running", "failed", "stale", "to do")
KEY_DIGITS = 12
UNDECIDING = ("label", "key", "data_key", "trial", "paper", "checkpoint_seconds")


@dataclass(frozen=True)
class CellState:
    """A cell and how far it is.

    Attributes:
        cell: the cell.
        state: `stale` where there are results of this name, but of other settings or other data;
            like `to do`, it will be run.
        reason: who runs it, why it failed, or what has changed.
        epochs: how many epochs are done.
        result: of a done cell.
    """

    cell: Cell
    state: State
    reason: str = ""
    epochs: int = 0
    result: Mapping[str, Any] | None = None


def states_of(
    cells: Sequence[Cell], out: Path, keys: DataKeys | None = None, *, thorough: bool = False
) -> list[CellState]:
    """Return the state of each cell.

    Args:
        cells: the plan.
        out: its output folder, which need not exist.
        keys: compares the data of done cells with the data that is there; None trusts them.
        thorough: read all files of done cells, so that a damaged one makes its cell `to do`;
            otherwise a whole result.json is enough.
    """
    names = cell_names(out)
    present, holders = set(names), running(out)
    records, others = Records(out), _others(names, cells)
    found = []
    for cell in cells:
        if cell.folder in present:
            folder = records.folder(cell.folder)
            result = folder.result() if thorough else records.result(cell.folder)
            found.append(_state(cell, folder, result, holders.get(cell.folder), keys))
        elif cell.readable in others:
            old = records.cell(others[cell.readable])
            found.append(CellState(cell, "stale", ", ".join(_changes(old or {}, cell))))
        else:
            found.append(CellState(cell, "to do"))
    return found


def _state(
    cell: Cell,
    folder: CellFolder,
    result: Mapping[str, Any] | None,
    holder: Owner | None,
    keys: DataKeys | None,
) -> CellState:
    if holder is not None:
        return CellState(cell, "running", str(holder), folder.epochs())
    if result is not None:
        if keys is not None and keys.changed(cell, result["data_key"]):
            return CellState(cell, "stale", "its data has changed")
        return CellState(cell, "done", "", result["epochs"], result)
    failure = folder.read_whole("failure")
    if failure is not None:
        return CellState(cell, "failed", failure["message"], folder.epochs())
    return CellState(cell, "to do", "", folder.epochs() if folder.checkpoint.exists() else 0)


def _others(names: Sequence[str], cells: Sequence[Cell]) -> dict[str, str]:
    """Return, by readable name, a folder that no cell of the plan owns: one of other settings."""
    planned = {cell.folder for cell in cells}
    return {name[: -KEY_DIGITS - 1]: name for name in names if name not in planned}


def _changes(old: Mapping[str, Any], cell: Cell) -> list[str]:
    """Return which settings differ from an earlier cell's, as `method.alpha was 0.4, is 0.2`."""
    before, now = dict(flat(old)), dict(flat(cell.record()))
    return [
        f"{name} was {before.get(name)!r}, is {now.get(name)!r}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]


def flat(
    content: Any, path: tuple[str, ...] = (), *, without: Sequence[str] = UNDECIDING
) -> Iterator[tuple[str, Any]]:
    """Yield the values of a nested record with dotted names, e.g. `method.alpha`."""
    if not isinstance(content, Mapping):
        yield ".".join(path), list(content) if isinstance(content, tuple) else content
        return
    for key, value in content.items():
        if key not in without:
            inner = path if key == "settings" else (*path, str(key))
            yield from flat(value, inner, without=without)


def counted(states: Sequence[CellState]) -> dict[State, int]:
    """Return how many cells are in each state, zeros included."""
    counts: dict[State, int] = defaultdict(int)
    for state in states:
        counts[state.state] += 1
    return {name: counts[name] for name in STATES}
