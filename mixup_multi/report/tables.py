"""From finished cells to the table that the papers print: error by row and column."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from mixup_multi.report.layout import METHODS, Layout, Row
from mixup_multi.report.paper import Published, published


@dataclass(frozen=True)
class Finished:
    """What the report needs of a finished cell; labels are as tables print them."""

    dataset: str
    model: str
    method: str
    test_error: float
    paper: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Summary:
    """A row and column of the table.

    Attributes:
        mean: of the test error over trials and folds, in percent.
        std: sample standard deviation in percentage points; None for a single value.
        n: how many cells.
        paper: the published value, if there is one.
    """

    mean: float
    std: float | None
    n: int
    paper: Published | None

    @property
    def error(self) -> float | None:
        """Return the standard error of the mean; None for a single value."""
        return None if self.std is None else self.std / math.sqrt(self.n)

    def __str__(self) -> str:
        spread = "" if self.std is None else f" ± {self.std:.2f}"
        return f"{self.mean:.2f}{spread}"


@dataclass(frozen=True)
class ErrorTable:
    """Rows and columns are those of a layout, in the order of the recipe."""

    rows: tuple[Row, ...]
    columns: tuple[str, ...]
    cells: Mapping[tuple[str, ...], Summary]
    notes: tuple[str, ...]

    def published_notes(self) -> tuple[str, ...]:
        """Return each distinct caveat of the published values that stand in the table, once."""
        papers = [summary.paper for summary in self.cells.values() if summary.paper is not None]
        said = dict.fromkeys(f"published {p.metric}, n: {p.trials}; {p.note}" for p in papers)
        return tuple(said)

    def best(self, row: Row) -> set[str]:
        """Return the columns with the lowest mean error of a row: several where they tie."""
        found = {m: self.cells[*row, m].mean for m in self.columns if (*row, m) in self.cells}
        lowest = min(found.values(), default=0.0)
        return {m for m, mean in found.items() if mean - lowest < 1e-9} if len(found) > 1 else set()

    def near(self, row: Row) -> set[str]:
        """Return the other columns whose mean is within one standard error of a best one's."""
        best = self.best(row)
        tops = [self.cells[*row, column] for column in best]
        limit = max((top.mean + (top.error or 0.0) for top in tops), default=-math.inf)
        others = [m for m in self.columns if m not in best and (*row, m) in self.cells]
        return {column for column in others if self.cells[*row, column].mean <= limit}


def error_table(finished: Iterable[Finished], layout: Layout = METHODS) -> ErrorTable:
    """Group finished cells over trials and folds."""
    cells = list(finished)
    places = layout.places((cell.dataset, cell.model, cell.method) for cell in cells)
    groups: dict[Row, list[Finished]] = {}
    for cell in cells:
        groups.setdefault(places[cell.dataset, cell.model, cell.method], []).append(cell)
    return ErrorTable(
        rows=tuple(dict.fromkeys(place[:-1] for place in groups)),
        columns=tuple(dict.fromkeys(place[-1] for place in groups)),
        cells={place: _summary(own) for place, own in groups.items()},
        notes=_notes(cells),
    )


def _summary(cells: Sequence[Finished]) -> Summary:
    errors = [cell.test_error for cell in cells]
    first = cells[0]
    paper = None
    if first.paper is not None:
        paper = published(first.paper, first.dataset, first.model, first.method)
    return Summary(
        mean=statistics.fmean(errors),
        std=statistics.stdev(errors) if len(errors) > 1 else None,
        n=len(errors),
        paper=paper,
    )


def _notes(cells: Iterable[Finished]) -> tuple[str, ...]:
    """Return each distinct note once, with the data sets that it speaks of."""
    about: dict[str, dict[str, None]] = {}
    for cell in cells:
        for note in cell.notes:
            about.setdefault(note, {})[cell.dataset] = None
    return tuple(f"{', '.join(datasets)}: {note}" for note, datasets in about.items())
