"""Choosing settings on validation parts: search cells are run, and of them the best point's follow.

Search cells are ordinary cells in ordinary folders: they resume, are shared by runs, and a point
that is chosen has been trained already where its cells are those that tried it. What is chosen
follows from their results alone; a study (`study`) only proposes what to try.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from mixup_multi.errors import DataError
from mixup_multi.grid.folder.locks import held
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.protocol.selection import Done, Selected, select
from mixup_multi.grid.protocol.study import FILE, Study, known_points
from mixup_multi.recipe.cell import Cell
from mixup_multi.recipe.schema import Range
from mixup_multi.recipe.search import Unit
from mixup_multi.recipe.searched import Point

Results = Mapping[str, Mapping[str, Any]]
"""The results of done cells, by key."""


@dataclass(frozen=True)
class Ran:
    """What came of cells: the results of those that are done, and the keys of those that failed."""

    results: Results
    failed: frozenset[str]


@dataclass(frozen=True)
class Decision:
    """A unit with the cells that follow from its search; none where no point has finished."""

    unit: Unit
    cells: tuple[Cell, ...]


class Proposer(Protocol):
    """Says which points to try next."""

    def begin(self) -> list[Point]:
        """Return the points that are known from the start."""

    def ask(self) -> list[Point]:
        """Return further points; none where all have been tried."""

    def tell(self, point: Point, score: float | None) -> None:
        """Take in a point's score, the less the better; None for one that failed."""


class Grid:
    """Proposes every combination, at once."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit

    def begin(self) -> list[Point]:
        """Return all points."""
        return self.unit.grid()

    def ask(self) -> list[Point]:
        """Return nothing."""
        return []

    def tell(self, point: Point, score: float | None) -> None:
        """Nothing follows from it."""


def choose(
    units: Sequence[Unit], out: Path, run: Callable[[list[Cell]], Ran], beside: Sequence[Cell] = ()
) -> list[Decision]:
    """Run the search cells of all units, and return what is to be run for each.

    Args:
        units: the choices to be made.
        out: the output folder.
        run: runs cells and returns what has come of them.
        beside: cells that wait for no search, to be run with the first that are tried.

    Raises:
        SettingError: a study is asked for and optuna is not installed.
    """
    studies = any(unit.search.study == "optuna" for unit in units)
    with held(out, FILE) if studies else nullcontext():  # two runs would ask for the same points
        return _choose(units, out, run, beside)


def _choose(
    units: Sequence[Unit], out: Path, run: Callable[[list[Cell]], Ran], beside: Sequence[Cell]
) -> list[Decision]:
    proposers: list[Proposer] = [
        Grid(unit) if unit.search.study == "grid" else Study(unit, out) for unit in units
    ]
    tried: list[list[Point]] = [[] for _ in units]
    asked = [proposer.begin() or proposer.ask() for proposer in proposers]
    waiting, ran = list(beside), Ran({}, frozenset())
    while waiting or any(asked):
        for points, new in zip(tried, asked, strict=True):
            points += new
        new_cells = [
            cell
            for unit, points in zip(units, asked, strict=True)
            for point in points
            for cell in unit.trying(point)
        ]
        ran = run(waiting + new_cells)
        waiting = []
        asked = [
            _tell(unit, proposer, points, out, ran)
            for unit, proposer, points in zip(units, proposers, asked, strict=True)
        ]
    return [decide(unit, points, out, ran) for unit, points in zip(units, tried, strict=True)]


def _tell(
    unit: Unit, proposer: Proposer, points: Sequence[Point], out: Path, ran: Ran
) -> list[Point]:
    """Tell a proposer what came of its points, and return the next ones."""
    for point in points:
        if not _settled(unit, point, ran):  # its data is missing: no more is asked
            return []
        proposer.tell(point, score_of(unit, point, out, ran.results))
    return proposer.ask() if points else []


def _settled(unit: Unit, point: Point, ran: Ran) -> bool:
    return all(cell.key in ran.results or cell.key in ran.failed for cell in unit.trying(point))


def decide(unit: Unit, points: Sequence[Point], out: Path, ran: Ran) -> Decision:
    """Return the cells of the best point, the first of several; none where one is not settled."""
    if not points or not all(_settled(unit, point, ran) for point in points):
        return Decision(unit, ())
    scores = [score_of(unit, point, out, ran.results) for point in points]
    found = [score for score in scores if score is not None]
    if not found:
        return Decision(unit, ())
    told = {
        "over": {path: _plain(axis) for path, axis in unit.axes.items()},
        "settings": {
            name: [key for section, key in unit.places.values() if section == name]
            for name in ("method", "train")
        },
        **unit.search.model_dump(mode="json", include={"by", "per", "study", "seed"}),
        "trials": unit.search.trials or 1,
        "tried": sorted({cell.folder for point in points for cell in unit.trying(point)}),
        "points": len(points),
        "failed": len(points) - len(found),
        "score": min(found),
    }
    return Decision(unit, tuple(unit.final(points[scores.index(min(found))], told)))


def _plain(axis: Any) -> Any:
    return axis.model_dump() if isinstance(axis, Range) else list(axis)


def score_of(unit: Unit, point: Point, out: Path, results: Results) -> float | None:
    """Return the mean over a point's cells of what is to be least; None where one has failed."""
    cells = unit.trying(point)
    if any(cell.key not in results for cell in cells):
        return None
    scores = [_score(cell, unit.search.by, out, results[cell.key]) for cell in cells]
    return math.fsum(scores) / len(scores)


def _score(cell: Cell, by: str, out: Path, result: Mapping[str, Any]) -> float:
    """Return a validation measure at the epoch that the cell's protocol takes."""
    history, _ = CellFolder.of(out, cell).history()
    (selection,) = select(cell.selection, [Done(cell.record(), result, history)])
    if not isinstance(selection, Selected):
        raise DataError(f"{cell.title}: {selection.why}")
    said = selection.over(result)
    if by not in said:
        raise DataError(f"{cell.title}: it has no {by} to choose by; its data has no such part")
    return float(said[by])


def points_so_far(unit: Unit, out: Path) -> list[Point]:
    """Return the points that are known without running anything; writes nothing."""
    return unit.grid() if unit.search.study == "grid" else known_points(unit, out)
