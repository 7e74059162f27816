"""How long cells will take, from the seconds an epoch that an output folder has recorded."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from mixup_multi.grid.folder.index import Records, cell_names
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.state import CellState
from mixup_multi.recipe.cell import Cell, Choice

Kind = tuple[str, str, str, str]
Basis = Literal["same method", "same model", "unknown"]


@dataclass(frozen=True)
class Estimate:
    """Seconds that a cell still needs in one process, and what was measured to say so.

    `same method`: cells of the same data set, model and method; `same model`: of the same data
    set and model, with other methods; `unknown`: nothing like it has been run here.
    """

    seconds: float
    basis: Basis


class Speeds:
    """Mean seconds an epoch, by data set, model and method."""

    def __init__(self) -> None:
        self._sums: dict[tuple[str, ...], float] = defaultdict(float)
        self._counts: dict[tuple[str, ...], int] = defaultdict(int)

    def add(self, kind: Kind, seconds: float, epochs: int) -> None:
        """Take in what a cell of a kind has taken."""
        if epochs:
            for key in _keys(kind):
                self._sums[key] += seconds / epochs
                self._counts[key] += 1

    def estimate(self, cell: Cell, epochs: int) -> Estimate:
        """Return what `epochs` more epochs of `cell` take."""
        bases: tuple[Basis, Basis] = ("same method", "same model")
        for basis, key in zip(bases, _keys(kind_of(cell)), strict=True):
            if key in self._sums:
                return Estimate(epochs * self._sums[key] / self._counts[key], basis)
        return Estimate(0.0, "unknown")


def speeds_of(out: Path, states: Iterable[CellState]) -> Speeds:
    """Return what the output folder has measured: the plan's cells, begun ones too, and others."""
    speeds = Speeds()
    planned = set()
    for state in states:
        planned.add(state.cell.folder)
        if state.result is not None:
            speeds.add(kind_of(state.cell), state.result["seconds"], state.result["epochs"])
        elif state.epochs:
            speeds.add(kind_of(state.cell), *_so_far(CellFolder.of(out, state.cell)))
    records = Records(out)
    for name in cell_names(out):
        if name not in planned and (result := records.result(name)) is not None:
            record = records.cell(name)
            if record is not None:
                speeds.add(_kind_of_record(record), result["seconds"], result["epochs"])
    return speeds


def _so_far(folder: CellFolder) -> tuple[float, int]:
    """Return the seconds and the number of the epochs that metrics.jsonl tells of."""
    records, _ = folder.history()
    seconds = [float(record["seconds"]) for record in records if "seconds" in record]
    return sum(seconds), len(seconds)


def kind_of(cell: Cell) -> Kind:
    """Return what the speed of a cell depends on."""
    return (cell.adapter, cell.dataset.canonical, cell.model.canonical, cell.method.canonical)


def _kind_of_record(record: Mapping[str, Any]) -> Kind:
    """Return the same of a cell.json."""
    choices = (Choice(**record[kind]) for kind in ("dataset", "model", "method"))
    dataset, model, method = (choice.canonical for choice in choices)
    return (record["adapter"], dataset, model, method)


def _keys(kind: Kind) -> tuple[Kind, tuple[str, ...]]:
    """Return what cells of the same method have in common, and what those of the same model do."""
    return kind, kind[:-1]
