"""The whole report as data: remarks, and for each table its sheets, figures and downloads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixup_multi.report import figures
from mixup_multi.report.collect import collect
from mixup_multi.report.conditions import (
    cost_sheet,
    environment_sheet,
    methods_sheet,
    settings_sheet,
)
from mixup_multi.report.curves import curves
from mixup_multi.report.differences import across_sheet, paired_sheet, power_sheet, rank_methods
from mixup_multi.report.group import Group, Row, groups
from mixup_multi.report.measure import BINS, pooled
from mixup_multi.report.remarks import Remark, remarks
from mixup_multi.report.results import (
    detail_sheet,
    error_sheet,
    reproduction_sheet,
    result_records,
)
from mixup_multi.report.search import search_sheet
from mixup_multi.report.sheet import Sheet, csv_text


@dataclass(frozen=True)
class Picture:
    """A figure: `svg` to stand inline, `alt` for who cannot see it, and its `data` as CSV."""

    name: str
    title: str
    svg: str
    alt: str
    caption: str
    data: str


@dataclass(frozen=True)
class Section:
    """What the report says of one group of cells.

    Attributes:
        title: of the section.
        sheets: its tables, in order.
        ranks: the critical-difference diagram, if methods could be ranked.
        pictures: for each row of the table, its figures.
        records: lines of report.csv.
    """

    title: str
    sheets: tuple[Sheet, ...]
    ranks: Picture | None
    pictures: tuple[tuple[str, tuple[Picture, ...]], ...]
    records: tuple[Mapping[str, Any], ...]

    def sheet(self, ending: str) -> Sheet | None:
        """Return the sheet whose name ends so."""
        return next((s for s in self.sheets if s.name.endswith(f"-{ending}")), None)


@dataclass(frozen=True)
class Report:
    """Everything that is printed, whatever the format."""

    title: str
    remarks: tuple[Remark, ...]
    sections: tuple[Section, ...]
    environments: Sheet


def build_report(out: Path, *, paper: bool, pictures: bool = True) -> Report:
    """Read an output folder and work out its report.

    `paper` puts the published values beside ours; without `pictures` no figure is drawn.

    Raises:
        OutputError: `out` is no output folder.
    """
    collected = collect(out)
    found = groups(collected.finished)
    return Report(
        title=out.resolve().name,
        remarks=tuple(remarks(collected, found, paper=paper)),
        sections=tuple(_section(group, paper=paper, pictures=pictures) for group in found),
        environments=environment_sheet(collected.finished),
    )


def _section(group: Group, *, paper: bool, pictures: bool) -> Section:
    sheets = [
        error_sheet(group),
        reproduction_sheet(group) if paper else None,
        paired_sheet(group),
        across_sheet(group),
        power_sheet(group) if paper else None,
        detail_sheet(group),
        cost_sheet(group),
        search_sheet(group),
        settings_sheet(group),
        methods_sheet(group),
    ]
    title = f"Data sets of {group.paper}" if group.paper else "Results without a published table"
    return Section(
        title=title,
        sheets=tuple(sheet for sheet in sheets if sheet is not None),
        ranks=_ranks(group) if pictures else None,
        pictures=tuple(
            (" / ".join(row), tuple(_pictures(group, row, f"{group.name}-{number}")))
            for number, row in enumerate(group.rows, 1)
            if pictures
        ),
        records=tuple(result_records(group, paper=paper)),
    )


def _ranks(group: Group) -> Picture | None:
    found = rank_methods(group)
    if found is None:
        return None
    ranked = dict(zip(group.methods, found.ranks, strict=True))
    said = ", ".join(f"{method} {rank:.2f}" for method, rank in ranked.items())
    critical = f"Critical difference {found.critical:.2f}."
    return Picture(
        name=f"{group.name}-ranks",
        title="Critical-difference diagram",
        svg=figures.critical_difference_diagram(found, group.methods),
        alt=f"Mean ranks over {found.blocks} rows: {said}. {critical}",
        caption="Mean ranks, 1 the best. A bar joins methods that Nemenyi's test at 0.05 cannot"
        " tell apart.",
        data=csv_text(("method", "mean_rank"), list(ranked.items())),
    )


def _pictures(group: Group, row: Row, name: str) -> Iterator[Picture]:
    place = " / ".join(row)
    if found := curves(group, row):
        columns = ("method", "quantity", "epoch", "mean", "std", "n")
        lines = [
            (c.method, c.quantity, *point)
            for c in found
            for point in zip(c.epochs, c.means, c.spreads, c.counts, strict=True)
        ]
        yield Picture(
            name=f"{name}-curves",
            title="Learning curves",
            svg=figures.learning_curves(found, group.methods),
            alt=f"Learning curves of {place}; the numbers are in the CSV.",
            caption="Mean over trials and folds, band ± one sample standard deviation. Training"
            " loss and error are those of the method's own (mixed) rows, so they do not compare"
            " methods.",
            data=csv_text(columns, lines),
        )
    yield from _calibration(group, row, name)


def _calibration(group: Group, row: Row, name: str) -> Iterator[Picture]:
    place = " / ".join(row)
    found = {m: pooled(measured) for m in group.methods if (measured := group.measured_at(row, m))}
    if not found:
        return
    reliabilities = {method: one for method, (one, _) in found.items()}
    eces = ", ".join(f"{method} {one.ece:.1f} %" for method, one in reliabilities.items())
    yield Picture(
        name=f"{name}-reliability",
        title="Reliability",
        svg=figures.reliability_diagrams(reliabilities),
        alt=f"Reliability diagrams of {place}. ECE of pooled trials: {eces}.",
        caption=f"Test predictions of all trials together, in {BINS} bins of confidence. Blue:"
        " the share that is correct; orange: the share of rows in the bin; dashed: perfect"
        " calibration. The ECE here is that of all trials together.",
        data=csv_text(
            ("method", "bin_low", "bin_high", "rows", "confidence_sum", "correct_sum"),
            [
                (method, b / BINS, (b + 1) / BINS, *values)
                for method, one in reliabilities.items()
                for b, values in enumerate(zip(one.count, one.confidence, one.correct, strict=True))
            ],
        ),
    )
    matrices = {method: matrix for method, (_, matrix) in found.items()}
    yield Picture(
        name=f"{name}-confusion",
        title="Confusion",
        svg=figures.confusion_matrices(matrices),
        alt=f"Confusion matrices of {place}; the numbers are in the CSV.",
        caption="Percent of each true class (rows) that is predicted as each class (columns), test"
        " rows of all trials together. Classes are numbered in the data set's order.",
        data=csv_text(
            ("method", "true", "predicted", "rows"),
            [
                (method, int(true), int(said), float(matrix[true, said]))
                for method, matrix in matrices.items()
                for true, said in zip(*matrix.nonzero(), strict=True)
            ],
        ),
    )
