"""What `plan` and `show` say of searches: how many cells they have, and what waits for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mixup_multi.grid.protocol.search import Decision, Ran, decide, points_so_far
from mixup_multi.grid.state import CellState
from mixup_multi.recipe.cell import Cell
from mixup_multi.recipe.schema import Axis, Range
from mixup_multi.recipe.search import Unit
from mixup_multi.recipe.searched import Searched

StatesOf = Callable[[Sequence[Cell]], list[CellState]]


@dataclass(frozen=True)
class SearchStates:
    """How far searches are.

    Attributes:
        states: of all cells that are known: also of those that searches try, and of those that
            follow from searches that have ended.
        waiting: how many cells are known only after the search.
        unasked: how many search cells a study has still to propose.
        lines: in words.
    """

    states: tuple[CellState, ...]
    waiting: int
    unasked: int
    lines: tuple[str, ...]


def search_states(
    cells: Sequence[Cell], units: Sequence[Unit], out: Path, states_of: StatesOf
) -> SearchStates:
    """Return how far cells and searches are in an output folder; writes nothing."""
    known = {cell.key: cell for cell in cells} | searching(units, out)
    states = states_of(list(known.values()))
    ran = Ran(
        {state.cell.key: state.result for state in states if state.result is not None},
        frozenset(state.cell.key for state in states if state.state == "failed"),
    )
    choices = []
    unasked = 0
    for unit in units:
        points = points_so_far(unit, out)
        lacking = max((unit.search.n or 0) - len(points), 0)
        unasked += lacking * len(unit.judges)
        choices.append(decide(unit, [] if lacking else points, out, ran))
    following = [cell for choice in choices for cell in choice.cells if cell.key not in known]
    if following:
        states = states_of([*known.values(), *following])
    waiting = sum(len(choice.unit.templates) for choice in choices if not choice.cells)
    lines = [*search_lines(units), *chosen_lines(choices)]
    if unasked:
        lines.append(f"{unasked} search cells are still to be proposed by their studies")
    if waiting:
        lines.append(f"after the search: {waiting} cells, whose settings it will choose")
    return SearchStates(tuple(states), waiting, unasked, tuple(lines))


def judged(units: Sequence[Unit]) -> list[Cell]:
    """Return cells whose data sets must have a validation part."""
    return [replace(cell, search=Searched({})) for unit in units for cell in unit.judges]


def searching(units: Sequence[Unit], out: Path) -> dict[str, Cell]:
    """Return the search cells that are known without running anything, by key."""
    return {
        cell.key: cell
        for unit in units
        for point in points_so_far(unit, out)
        for cell in unit.trying(point)
    }


def search_lines(units: Sequence[Unit]) -> Iterator[str]:
    """Yield a line for the units of equal axes: what is searched, and at what cost."""
    alike: dict[str, list[Unit]] = {}
    for unit in units:
        axes = "; ".join(f"{path}: {_shown(axis)}" for path, axis in unit.axes.items())
        alike.setdefault(f"search by {unit.search.by}, {axes}", []).append(unit)
    for text, group in alike.items():
        points = sum(unit.search.n or len(unit.grid()) for unit in group)
        cells = sum((u.search.n or len(u.grid())) * len(u.judges) for u in group)
        choices = f"{len(group)} choice{'s' * (len(group) > 1)} (per {group[0].search.per})"
        kind = group[0].search.study
        yield f"{text}; {kind}, {choices}, {points} points, {cells} search cells"


def chosen_lines(choices: Sequence[Decision]) -> Iterator[str]:
    """Yield what was chosen for each data set, model and method, and how often."""
    found: dict[str, Counter[str]] = {}
    for choice in choices:
        for cell in choice.cells:
            labels = " / ".join(entry.label for entry in cell.choices().values())
            found.setdefault(labels, Counter())[str(cell.search)] += 1
    for labels, counts in found.items():
        times = [f"{text} ({n} of {counts.total()})" for text, n in counts.most_common()]
        yield f"chosen for {labels}: {'; '.join(times)}"


def _shown(axis: Axis) -> str:
    if isinstance(axis, Range):
        return f"{axis.low} to {axis.high}{' (log)' if axis.log else ''}"
    return ", ".join(map(str, axis))
