"""Teams: cells that one process takes on together, since they may train as a cohort.

A team is a guess from settings alone, made before any data is loaded. Which of its members do
train together is decided by `engine.cohort_groups` when they are at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from mixup_multi.engine.cohort_groups import MOST
from mixup_multi.engine.cohort_likeness import FREE
from mixup_multi.recipe.cell import Cell

Team = tuple[Cell, ...]


@dataclass(frozen=True)
class Plan:
    """The cells of a run, and what decides who trains with whom.

    Teams are made of the whole plan and what is settled is left out afterwards, so that a run
    that goes on makes the teams of the one before.

    Attributes:
        cells: all of them.
        wanted: the keys of those that are still to be run.
        loners: the keys of those that train alone.
        begun: the folders' names of each cohort that has begun, which stays one team.
    """

    cells: Sequence[Cell]
    wanted: Collection[str]
    loners: Collection[str] = ()
    begun: Sequence[Collection[str]] = ()

    def teams(self, processes: int = 1) -> list[Team]:
        """Return teams for so many processes, in order of their first cell."""
        cohort_of = {name: place for place, names in enumerate(self.begun) for name in names}
        parts: dict[object, list[Cell]] = {}
        for number, team in enumerate(_divided(_alike(self.cells), processes)):
            for cell in team:
                if cell.key in self.wanted:
                    alone = cell.key if cell.key in self.loners else None
                    cohort = cohort_of.get(cell.folder)
                    key = (number, alone) if cohort is None or alone else ("begun", cohort)
                    parts.setdefault(key, []).append(cell)
        return [tuple(part) for part in parts.values()]


def _alike(cells: Iterable[Cell]) -> list[Team]:
    """Divide cells into those that may train together, by at most as many as a cohort has."""
    alike: dict[object, list[Cell]] = {}
    for cell in cells:
        alike.setdefault(_key(cell), []).append(cell)
    return [
        tuple(group[first : first + MOST])
        for group in alike.values()
        for first in range(0, len(group), MOST)
    ]


def _divided(teams: list[Team], processes: int) -> list[Team]:
    """Halve the largest teams while they are fewer than the processes that take them."""
    while teams and len(teams) < processes and len(largest := max(teams, key=len)) > 1:
        place, half = teams.index(largest), len(largest) // 2
        teams[place : place + 1] = [largest[:half], largest[half:]]
    return teams


def _key(cell: Cell) -> object:
    """Return what is equal for cells that may train together: all but seeds and methods."""
    train = cell.train.model_dump_json(exclude=FREE)
    return cell.adapter, cell.dataset.canonical, cell.model.canonical, train, cell.folds
