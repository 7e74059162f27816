"""The cells that stand in one table: of one layout, naming the same published table, or none."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from mixup_multi.errors import OutputError
from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.layout import LAYOUTS, METHODS, Layout, Row
from mixup_multi.report.measure import Measured, measure
from mixup_multi.report.paper import Published, published, published_labels
from mixup_multi.report.statistics import deviation
from mixup_multi.report.tables import ErrorTable, Finished, error_table


@dataclass(frozen=True)
class Paired:
    """Two columns on the same trials of a row.

    Attributes:
        row: data set, and model in a table of methods.
        first, second: the columns.
        differences: error of the first minus that of the second, a trial (or fold) each.
        correlation: of the differences, from training rows that trials share; 0 for a fixed split.
    """

    row: Row
    first: str
    second: str
    differences: tuple[float, ...]
    correlation: float

    @property
    def mean(self) -> float:
        """Return the mean difference in percentage points."""
        return sum(self.differences) / len(self.differences)

    @property
    def deviation(self) -> float | None:
        """Return the sample standard deviation of the differences."""
        return deviation(self.differences)


@dataclass(frozen=True)
class Group:
    """Finished cells of one table, with what was measured from their logits.

    Attributes:
        paper: the published table's name, or None.
        layout: what its rows and columns are.
        cells: in the order of rows and columns.
        measured: by the cell's key; a cell whose logits tell nothing is absent.
        unmeasured: why, by the cell's key.
    """

    paper: str | None
    layout: Layout
    cells: tuple[FinishedCell, ...]
    measured: Mapping[str, Measured]
    unmeasured: Mapping[str, str]

    @property
    def name(self) -> str:
        """Return a name that can stand in file names."""
        name = self.paper or "results"
        return name if self.layout is METHODS else f"{name}-{self.layout.many}"

    @cached_property
    def _names(self) -> dict[tuple[str, str], str]:
        return self.layout.names((cell.model, cell.method) for cell in self.cells)

    def column(self, cell: FinishedCell) -> str:
        """Return the column that a cell stands in."""
        return self._names[cell.model, cell.method]

    @cached_property
    def table(self) -> ErrorTable:
        """Return our errors by row and column; published values are looked up elsewhere."""
        return error_table(
            (Finished(cell.dataset, cell.model, cell.method, cell.error) for cell in self.cells),
            self.layout,
        )

    @property
    def rows(self) -> tuple[Row, ...]:
        """Return the rows, in order."""
        return self.table.rows

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the columns, in order."""
        return tuple(sorted(self.table.columns, key=self._column_order))

    def _column_order(self, column: str) -> list[tuple[int, str]]:
        cell = next(cell for cell in self.cells if self.column(cell) == column)
        return [_order(cell, kind, self.paper) for kind in self.layout.columns]

    @cached_property
    def _places(self) -> dict[tuple[Row, str], list[FinishedCell]]:
        places: dict[tuple[Row, str], list[FinishedCell]] = {}
        for cell in self.cells:
            places.setdefault((cell.row, self.column(cell)), []).append(cell)
        return places

    def at(self, row: Row, column: str) -> list[FinishedCell]:
        """Return the cells of one place of the table, in order of seed and fold."""
        return self._places.get((row, column), [])

    def places(self) -> Iterator[tuple[Row, str, list[FinishedCell]]]:
        """Yield the places that hold cells."""
        for row, column in itertools.product(self.rows, self.columns):
            if cells := self.at(row, column):
                yield row, column, cells

    def measured_at(self, row: Row, column: str) -> list[Measured]:
        """Return what the logits of a place's cells tell."""
        keys = [cell.record["key"] for cell in self.at(row, column)]
        return [self.measured[key] for key in keys if key in self.measured]

    def class_names(self, row: Row) -> tuple[str, ...] | None:
        """Return the names of a row's classes; None where its cells disagree or tell none."""
        told = [cell.result.get("class_names") for cell in self.cells if cell.row == row]
        first = told[0] if told else None
        if not isinstance(first, list) or any(names != first for names in told):
            return None
        return tuple(map(str, first))

    def published_at(self, row: Row, column: str) -> Published | None:
        """Return the published value of a place, found by the recipe's own labels."""
        cells = self.at(row, column)
        if self.paper is None or not cells:
            return None
        return published(self.paper, *(cells[0].label(k) for k in ("dataset", "model", "method")))

    def column_pairs(self) -> list[tuple[str, str]]:
        """Return the pairs of columns, the later one first: MixupE - Mixup, MixupE - ERM, ..."""
        return [(b, a) for a, b in itertools.combinations(self.columns, 2)]

    def pairs(self, first: str, second: str) -> list[Paired]:
        """Return two columns' differences on every row that has both."""
        return [pair for row in self.rows if (pair := self.pair(row, first, second)) is not None]

    def pair(self, row: Row, first: str, second: str) -> Paired | None:
        """Return two columns' differences over the trials that both have; None without any."""
        ours = {cell.pair_key: cell for cell in self.at(row, first)}
        theirs = {cell.pair_key: cell for cell in self.at(row, second)}
        shared = [key for key in ours if key in theirs]
        if not shared:
            return None
        differences = tuple(ours[key].error - theirs[key].error for key in shared)
        return Paired(row, first, second, differences, self._correlation(row))

    def _correlation(self, row: Row) -> float:
        """Return the share of rows that are tested on, where the test part differs by trial."""
        cells = [cell for cell in self.cells if cell.row == row]
        keys = {m.test_key for c in cells if (m := self.measured.get(c.record["key"]))}
        if len(keys) == 1 and all(cell.record["key"] in self.measured for cell in cells):
            return 0.0
        test, train = cells[0].result["test_rows"], cells[0].result["train_rows"]
        return float(test / (test + train))


def groups(cells: Sequence[FinishedCell]) -> list[Group]:
    """Return a group for each published table that cells name, one for the others; by layout."""
    found = {(cell.paper, cell.layout) for cell in cells}
    layouts = list(LAYOUTS.values())
    ordered = sorted(found, key=lambda one: (one[0] is None, one[0] or "", layouts.index(one[1])))
    return [
        _group(
            paper, layout, [cell for cell in cells if (cell.paper, cell.layout) == (paper, layout)]
        )
        for paper, layout in ordered
    ]


def _group(paper: str | None, layout: Layout, cells: Sequence[FinishedCell]) -> Group:
    measured: dict[str, Measured] = {}
    unmeasured: dict[str, str] = {}
    for cell in cells:
        try:
            measured[cell.record["key"]] = measure(cell.folder)
        except OutputError as error:
            unmeasured[cell.record["key"]] = str(error)
    ordered = sorted(cells, key=lambda cell: _cell_order(cell, paper))
    return Group(paper, layout, tuple(ordered), measured, unmeasured)


def _cell_order(cell: FinishedCell, paper: str | None) -> tuple[object, ...]:
    fold = cell.record["fold"]
    return (
        *(_order(cell, kind, paper) for kind in ("dataset", "model", "method")),
        cell.record["seed"],
        -1 if fold is None else fold,
    )


def _order(cell: FinishedCell, kind: str, paper: str | None) -> tuple[int, str]:
    """Return the place of a label in the published table, and itself; what it lacks comes last."""
    known = published_labels(paper, kind) if paper is not None else ()
    label = cell.label(kind).casefold()
    place = known.index(label) if label in known else len(known)
    return place, str(getattr(cell, kind)).casefold()
