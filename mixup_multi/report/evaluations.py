"""The table of evaluations: what trained cells were asked besides their test error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixup_multi.grid.evaluate import headline
from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.group import Group
from mixup_multi.report.sheet import Entry, Sheet, count, spread, words
from mixup_multi.report.statistics import deviation


def evaluation_sheet(group: Group) -> Sheet | None:
    """Return rows and columns x evaluations; None where nothing was measured."""
    headings = evaluation_headings(group)
    if not headings:
        return None
    rows = [
        (*words(*row, column), *_entries(group.at(row, column), headings))
        for row, column, _ in group.places()
    ]
    records = {record["canonical"]: record for cell in group.cells for record in cell.evaluations}
    return Sheet(
        name=f"{group.name}-evaluations",
        title="Evaluations",
        caption="Mean ± sample standard deviation over trials and folds, of the last epoch's"
        " weights; what each column is stands below.",
        headings=(*group.layout.place_headings, "n", *headings.values()),
        rows=tuple(rows),
        notes=tuple(f"{h}: {_described(records[c])}" for c, h in headings.items()),
    )


def _described(entry: Mapping[str, Any]) -> str:
    """Return a name with its settings, e.g. "error (part test, attack pgd (eps 0.03))"."""
    settings = entry.get("settings", {k: v for k, v in entry.items() if k != "name"})
    said = [
        f"{key} {_described(value)}" if isinstance(value, Mapping) else f"{key} {value}"
        for key, value in settings.items()
        if value is not None and value is not False
    ]
    return f"{entry['name']} ({', '.join(said)})" if said else str(entry["name"])


def evaluation_headings(group: Group) -> dict[str, str]:
    """Return a heading for each evaluation; equal labels of different ones are numbered."""
    labels: dict[str, str] = {}
    for cell in group.cells:
        for record in cell.evaluations:
            labels.setdefault(record["canonical"], f"{record['label']} {record['unit']}".strip())
    taken: dict[str, int] = {}
    for canonical, label in labels.items():
        taken[label] = taken.get(label, 0) + 1
        labels[canonical] = label if taken[label] == 1 else f"{label} ({taken[label]})"
    return labels


def _entries(cells: Sequence[FinishedCell], headings: Mapping[str, str]) -> list[Entry]:
    found: dict[str, list[float]] = {}
    for cell in cells:
        for record in cell.evaluations:
            found.setdefault(record["canonical"], []).append(headline(record))
    entries = [count(max(map(len, found.values()), default=0))]
    for canonical in headings:
        values = found.get(canonical, [])
        mean = float(np.mean(values)) if values else None
        entries.append(Entry("-") if mean is None else Entry(spread(mean, deviation(values)), mean))
    return entries
