"""The tables of errors: as papers print them, in full, and beside the published values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from mixup_multi.report.group import Group
from mixup_multi.report.layout import Row
from mixup_multi.report.paper import Published
from mixup_multi.report.sheet import (
    Entry,
    Mark,
    Sheet,
    count,
    interval,
    points,
    spread,
    words,
)
from mixup_multi.report.statistics import deviation, t_interval


def error_sheet(group: Group) -> Sheet:
    """Return rows x columns of errors, as the papers print them."""
    counts = {summary.n for summary in group.table.cells.values()}
    several = f"n = {min(counts)} to {max(counts)}, given in brackets" if len(counts) > 1 else ""
    what = "mean ± sample standard deviation over trials and folds"
    return Sheet(
        name=f"{group.name}-errors",
        title="Test error",
        caption=f"Test error in %{_selected(group)}, {what}; {several or f'n = {min(counts)}'}."
        f" Bold: the lowest mean of the row, all of them where {group.layout.many} tie; underlined:"
        f" within one standard error of it (the best {group.layout.one}'s own). Neither is a test.",
        headings=(*group.layout.headings, *group.columns),
        rows=tuple(_error_row(group, row, counted=len(counts) > 1) for row in group.rows),
    )


def _selected(group: Group) -> str:
    """Return which epoch is reported, where it is not the last."""
    rules = sorted({str(cell.result["selection"]) for cell in group.cells} - {"last epoch"})
    return f" ({'; '.join(rules)})" if rules else ""


def _error_row(group: Group, row: Row, *, counted: bool) -> tuple[Entry, ...]:
    best, near = group.table.best(row), group.table.near(row)
    entries = []
    for column in group.columns:
        summary = group.table.cells.get((*row, column))
        mark: Mark = "best" if column in best else ("near" if column in near else "")
        if summary is None:
            entries.append(Entry("not run"))
        else:
            text = f"{summary} ({summary.n})" if counted else f"{summary}"
            entries.append(Entry(text, summary.mean, mark))
    return *words(*row), *entries


def detail_sheet(group: Group) -> Sheet:
    """Return a line a row and column: error, interval, loss and calibration."""
    headings = (*group.layout.place_headings, "n", "Test error %", "s", "95 % interval")
    return Sheet(
        name=f"{group.name}-details",
        title="Every value",
        caption="Mean test error in %, its sample standard deviation s, Student's 95 % interval"
        " of the mean, the mean test loss of the method's own loss, and the expected calibration"
        " error (ECE, 15 equal bins; mean over cells). Where trials or folds share training rows"
        " the interval is too narrow: it takes them as independent.",
        headings=(*headings, "Test loss", "ECE %"),
        rows=tuple(_detail_row(group, row, column) for row, column, _ in group.places()),
    )


def _detail_row(group: Group, row: Row, column: str) -> tuple[Entry, ...]:
    cells = group.at(row, column)
    errors = [cell.error for cell in cells]
    losses = [loss for cell in cells if (loss := cell.result.get("test_loss")) is not None]
    eces = _eces(group, row, column)
    return (
        *words(*row, column),
        count(len(errors)),
        points(float(np.mean(errors))),
        points(deviation(errors)),
        interval(t_interval(errors)),
        Entry(f"{np.mean(losses):.4f}", float(np.mean(losses))) if losses else Entry("-"),
        Entry(spread(float(np.mean(eces)), deviation(eces)), float(np.mean(eces)))
        if eces
        else Entry("-"),
    )


def _eces(group: Group, row: Row, column: str) -> list[float]:
    return [one.reliability.ece for one in group.measured_at(row, column)]


def reproduction_sheet(group: Group) -> Sheet | None:
    """Return our values beside the published ones; None where no value is published."""
    notes: dict[str, str] = {}
    rows = [
        _reproduction_row(group, row, column, published, notes)
        for row, column, _ in group.places()
        if (published := group.published_at(row, column)) is not None
    ]
    if not rows:
        return None
    ours = ("Ours %", "n", "Our 95 % interval")
    said = ("Published", "± as printed", "n published")
    theirs = (*said, "Difference", "Inside", "Note", "Metric published")
    return Sheet(
        name=f"{group.name}-reproduction",
        title="Reproduction",
        caption="Our mean ± sample standard deviation beside the published value and spread as"
        " printed, whose unit may not be what it seems (see the notes). The difference is ours"
        " minus published, in percentage points; 'inside' says whether the published value lies"
        " in our interval, which does not mean that the conditions are the same.",
        headings=(*group.layout.place_headings, *ours, *theirs),
        rows=tuple(rows),
        notes=tuple(f"[{mark}] {note}" for note, mark in notes.items()),
    )


def _reproduction_row(
    group: Group, row: Row, column: str, said: Published, notes: dict[str, str]
) -> tuple[Entry, ...]:
    errors = [cell.error for cell in group.at(row, column)]
    mean, limits = float(np.mean(errors)), t_interval(errors)
    comparable = "error" in said.metric
    note = "; ".join(part for part in (said.note, f"source: {said.source}") if part)
    notes.setdefault(note, str(len(notes) + 1))
    return (
        *words(*row, column),
        Entry(spread(mean, deviation(errors)), mean),
        count(len(errors)),
        interval(limits),
        points(said.value),
        Entry(said.spread or "-", said.std),
        Entry(said.trials),
        points(mean - said.value, signed=True) if comparable else Entry("other metric"),
        Entry(_inside(said, limits) if comparable else "other metric"),
        Entry(f"[{notes[note]}]"),
        Entry(said.metric),
    )


def _inside(said: Published, limits: tuple[float, float] | None) -> str:
    if limits is None:
        return "no interval"
    return "yes" if limits[0] <= said.value <= limits[1] else "no"


def result_records(group: Group, *, paper: bool) -> list[Mapping[str, Any]]:
    """Return the lines of report.csv; published values have columns of their own."""
    return [
        {
            **_our_record(group, row, column),
            **(_their_record(group, row, column) if paper else {}),
        }
        for row, column, _ in group.places()
    ]


def _our_record(group: Group, row: Row, column: str) -> dict[str, Any]:
    cells = group.at(row, column)
    errors = [cell.error for cell in cells]
    low, high = t_interval(errors) or ("", "")
    eces = _eces(group, row, column)
    return {
        "table": group.paper or "",
        **{kind: getattr(cells[0], kind) for kind in ("dataset", "model", "method")},
        "n": len(errors),
        "test_error_percent": float(np.mean(errors)),
        "sample_std_points": "" if (s := deviation(errors)) is None else s,
        "interval95_low": low,
        "interval95_high": high,
        "ece_percent": float(np.mean(eces)) if eces else "",
        "seconds_a_cell": float(np.mean([cell.result["seconds"] for cell in cells])),
        "selection": "; ".join(sorted({cell.result["selection"] for cell in cells})),
        "notes": "; ".join(sorted({note for cell in cells for note in cell.result["notes"]})),
    }


def _their_record(group: Group, row: Row, column: str) -> dict[str, Any]:
    said = group.published_at(row, column)
    keys = ("value", "std", "metric", "trials", "note", "source")
    record = {f"published_{key}": getattr(said, key, None) for key in keys}
    return {key: "" if value is None else value for key, value in record.items()}
