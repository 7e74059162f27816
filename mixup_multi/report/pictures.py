"""The figures of a report, each with the text for who cannot see it and its data as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from mixup_multi.metrics import BINS
from mixup_multi.metrics.reliability import Array
from mixup_multi.report import figures
from mixup_multi.report.asked_curves import asked_curves
from mixup_multi.report.curves import curves
from mixup_multi.report.differences import rank_columns
from mixup_multi.report.group import Group
from mixup_multi.report.layout import Row
from mixup_multi.report.measure import pooled
from mixup_multi.report.sheet import csv_text


@dataclass(frozen=True)
class Picture:
    """A figure: `svg` to stand inline, `alt` for who cannot see it, and its `data` as CSV.

    `file` is its image beside the report, where it has one.
    """

    name: str
    title: str
    svg: str
    alt: str
    caption: str
    data: str
    file: str = ""


def rank_picture(group: Group) -> Picture | None:
    """Return the critical-difference diagram; None where columns cannot be ranked."""
    found = rank_columns(group)
    if found is None:
        return None
    ranked = dict(zip(group.columns, found.ranks, strict=True))
    said = ", ".join(f"{column} {rank:.2f}" for column, rank in ranked.items())
    critical = f"Critical difference {found.critical:.2f}."
    return Picture(
        name=f"{group.name}-ranks",
        title="Critical-difference diagram",
        svg=figures.critical_difference_diagram(found, group.columns),
        alt=f"Mean ranks over {found.blocks} rows: {said}. {critical}",
        caption=f"Mean ranks, 1 the best. A bar joins {group.layout.many} that Nemenyi's test at"
        " 0.05 cannot tell apart.",
        data=csv_text((group.layout.one, "mean_rank"), list(ranked.items())),
    )


def row_pictures(group: Group, row: Row, name: str) -> Iterator[Picture]:
    """Yield the figures of a row of the table: curves, reliability, confusion."""
    place = " / ".join(row)
    if found := curves(group, row):
        columns = (group.layout.one, "quantity", "epoch", "mean", "std", "n")
        lines = [
            (c.column, c.quantity, *point)
            for c in found
            for point in zip(c.epochs, c.means, c.spreads, c.counts, strict=True)
        ]
        yield Picture(
            name=f"{name}-curves",
            title="Learning curves",
            svg=figures.learning_curves(found, group.columns),
            alt=f"Learning curves of {place}; the numbers are in the CSV.",
            caption="Mean over trials and folds, band ± one sample standard deviation. Training"
            " loss and error are those of the method's own (mixed) rows, so they do not compare"
            f" {group.layout.many}.",
            data=csv_text(columns, lines),
        )
    yield from _calibration(group, row, name)
    yield from _evaluations(group, row, name)


def _evaluations(group: Group, row: Row, name: str) -> Iterator[Picture]:
    for number, (title, found) in enumerate(asked_curves(group, row).items(), start=1):
        first = found[0]
        lines = [
            (curve.column, *point)
            for curve in found
            for point in zip(curve.x, curve.means, curve.spreads, curve.counts, strict=True)
        ]
        yield Picture(
            name=f"{name}-evaluation{number}",
            title=title,
            svg=figures.evaluation_curves(found, group.columns),
            alt=f"{title} of {' / '.join(row)}: {first.y_label} over {first.x_label}; the numbers"
            " are in the CSV.",
            caption="Mean over trials and folds, band ± one sample standard deviation; what was"
            " asked stands below the table of evaluations.",
            data=csv_text((group.layout.one, first.x_label, first.y_label, "std", "n"), lines),
        )


def _calibration(group: Group, row: Row, name: str) -> Iterator[Picture]:
    place = " / ".join(row)
    found = {m: pooled(measured) for m in group.columns if (measured := group.measured_at(row, m))}
    if not found:
        return
    reliabilities = {column: one for column, (one, _) in found.items()}
    eces = ", ".join(f"{column} {one.ece:.1f} %" for column, one in reliabilities.items())
    yield Picture(
        name=f"{name}-reliability",
        title="Reliability",
        svg=figures.reliability_diagrams(reliabilities),
        alt=f"Reliability diagrams of {place}. ECE of pooled trials: {eces}.",
        caption=f"Test predictions of all trials together, in {BINS} bins of confidence. Blue:"
        " the share that is correct; orange: the share of rows in the bin; dashed: perfect"
        " calibration. The ECE here is that of all trials together.",
        data=csv_text(
            (group.layout.one, "bin_low", "bin_high", "rows", "confidence_sum", "correct_sum"),
            [
                (column, b / BINS, (b + 1) / BINS, *values)
                for column, one in reliabilities.items()
                for b, values in enumerate(zip(one.count, one.confidence, one.correct, strict=True))
            ],
        ),
    )
    yield _confusion(group, row, name, {column: matrix for column, (_, matrix) in found.items()})


def _confusion(group: Group, row: Row, name: str, matrices: Mapping[str, Array]) -> Picture:
    size = len(next(iter(matrices.values())))
    names = group.class_names(row) or ()
    known = len(names) == size
    classes = names if known else tuple(map(str, range(size)))
    order = "" if known else " Classes are numbered in the data set's order."
    if known and size > figures.NAMED_CLASSES:
        order = f" The names of the {size} classes stand in the CSV."
    return Picture(
        name=f"{name}-confusion",
        title="Confusion",
        svg=figures.confusion_matrices(matrices, classes),
        alt=f"Confusion matrices of {' / '.join(row)}; the numbers are in the CSV.",
        caption="Percent of each true class (rows) that is predicted as each class (columns), test"
        f" rows of all trials together.{order}",
        data=csv_text(
            (group.layout.one, "true", "predicted", "rows"),
            [
                (column, classes[true], classes[said], float(matrix[true, said]))
                for column, matrix in matrices.items()
                for true, said in np.ndindex(*matrix.shape)
                if matrix[true, said]
            ],
        ),
    )
