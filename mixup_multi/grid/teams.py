"""Teams: cells that one process takes on together, since they may train as a cohort.

A team is a guess from settings alone, made before any data is loaded. Which of its members do
train together is decided by `engine.cohort_groups` when they are at hand.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from mixup_multi.engine.cohort_groups import MOST
from mixup_multi.engine.cohort_likeness import FREE
from mixup_multi.recipe.cell import Cell

Team = tuple[Cell, ...]


def teams_of(cells: Sequence[Cell], loners: Collection[str]) -> list[Team]:
    """Divide cells into teams, in order of their first cell.

    Args:
        cells: what is to be run.
        loners: keys of the cells that train alone.
    """
    alike: dict[object, list[Cell]] = {}
    for cell in cells:
        key = cell.key if cell.key in loners else _key(cell)
        alike.setdefault(key, []).append(cell)
    return [
        tuple(group[first : first + MOST])
        for group in alike.values()
        for first in range(0, len(group), MOST)
    ]


def divided(teams: Iterable[Team], processes: int) -> list[Team]:
    """Halve the largest teams while they are fewer than the processes that take them."""
    teams = list(teams)
    while teams and len(teams) < processes and len(largest := max(teams, key=len)) > 1:
        place, half = teams.index(largest), len(largest) // 2
        teams[place : place + 1] = [largest[:half], largest[half:]]
    return teams


def _key(cell: Cell) -> object:
    """Return what is equal for cells that may train together: all but seeds and methods."""
    train = cell.train.model_dump_json(exclude=FREE)
    return cell.adapter, cell.dataset.canonical, cell.model.canonical, train, cell.folds
