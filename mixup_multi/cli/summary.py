"""The numbers of a run as plain values, for `--json`: the same as in the tables."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mixup_multi.grid.analyses import folder_of, whole_record
from mixup_multi.grid.evaluate import headline, known
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.report.layout import Labels
from mixup_multi.report.statistics import deviation
from mixup_multi.report.tables import Finished, Summary, error_table

Record = dict[str, Any]


def errors(finished: Iterable[Finished], rules: Sequence[str]) -> list[Record]:
    """Return the rows of the error table: test errors in percent, over trials and folds."""
    table = error_table(finished)
    return [
        {
            "dataset": dataset,
            "model": model,
            "method": method,
            "measure": "test error",
            "unit": "%",
            "selection": list(rules),
            **_spread(summary),
        }
        for (dataset, model, method), summary in table.cells.items()
    ]


def _spread(summary: Summary) -> Record:
    paper = summary.paper
    return {
        "n": summary.n,
        "mean": summary.mean,
        "deviation": summary.std,
        "published": None if paper is None else {"mean": paper.value, "deviation": paper.std},
    }


Measurements = dict[Labels, dict[str, tuple[str, list[float]]]]
"""Values by the labels of data set, model and method, and by the label and unit of a measure."""


def measurements(cells: Iterable[Cell], out: Path) -> Measurements:
    """Return what evaluations found: by data set, model and method; by label its unit and values.

    A value stands for a trial or fold; a failed evaluation has none.
    """
    found: Measurements = {}
    for cell in cells:
        for asked in known(cell, out):
            if asked.record is not None:
                row = cell.dataset.label, cell.model.label, cell.method.label
                unit = asked.record["unit"]
                _, values = found.setdefault(row, {}).setdefault(asked.choice.label, (unit, []))
                values.append(headline(asked.record))
    return found


def measured(cells: Iterable[Cell], out: Path) -> list[Record]:
    """Return the rows of the table of evaluations, one a measure."""
    return [
        {
            **dict(zip(("dataset", "model", "method"), row, strict=True)),
            "measure": label,
            "unit": unit,
            "n": len(values),
            "mean": statistics.fmean(values),
            "deviation": deviation(values) if all(map(math.isfinite, values)) else None,
        }
        for row, labels in measurements(cells, out).items()
        for label, (unit, values) in labels.items()
    ]


def analysed(asked: Sequence[Choice], site: Site) -> list[Record]:
    """Return what came of a recipe's analyses."""
    found = []
    for choice in asked:
        folder = folder_of(site.out, choice)
        record = whole_record(folder)
        values = None if record is None else record["values"]
        state = "missing" if record is None else "done"
        found.append(
            {"label": choice.label, "state": state, "folder": str(folder), "values": values}
        )
    return found


def failures(cells: Iterable[Cell], messages: Mapping[str, str], out: Path) -> list[Record]:
    """Return which cells failed and why, with the file that has the traceback."""
    return [
        {
            "key": cell.key,
            "title": cell.title,
            "message": messages.get(cell.key, ""),
            "traceback": str(out / "cells" / cell.folder / "failure.json"),
        }
        for cell in cells
    ]
