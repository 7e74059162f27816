"""A table of the report, before it is Markdown, LaTeX, CSV or HTML."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Mark = Literal["", "best", "near"]


@dataclass(frozen=True)
class Entry:
    """What stands in a place of a table.

    Attributes:
        text: as printed.
        value: the number that it is sorted by, and that the CSV holds.
        mark: `best` of its row, or `near` the best.
    """

    text: str
    value: float | None = None
    mark: Mark = ""


@dataclass(frozen=True)
class Sheet:
    """A table with its caption, which says what the numbers are, and notes below it."""

    name: str
    title: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[Entry, ...], ...]
    notes: tuple[str, ...] = ()

    @property
    def numeric(self) -> tuple[bool, ...]:
        """Return which columns hold numbers, and so are set to the right."""
        columns = range(len(self.headings))
        return tuple(any(row[i].value is not None for row in self.rows) for i in columns)

    def csv(self) -> str:
        """Return the table as CSV, with numbers unrounded where there are any."""
        rows = [
            [entry.text if entry.value is None else number(entry.value) for entry in row]
            for row in self.rows
        ]
        return csv_text(self.headings, rows)


def words(*texts: str) -> tuple[Entry, ...]:
    """Return entries of plain text."""
    return tuple(Entry(text) for text in texts)


def points(value: float | None, *, signed: bool = False) -> Entry:
    """Return percent or percentage points with two digits; "-" for None."""
    if value is None:
        return Entry("-")
    shown = round(value, 2) + 0.0  # no "-0.00"
    return Entry(f"{shown:{'+' if signed else ''}.2f}", value)


def probability(value: float | None) -> Entry:
    """Return a p-value or probability; "-" for None."""
    if value is None:
        return Entry("-")
    text = "<0.001" if value < 0.001 else (">0.999" if value > 0.999 else f"{value:.3f}")
    return Entry(text, value)


def count(value: int | None) -> Entry:
    """Return a whole number; "-" for None."""
    return Entry("-") if value is None else Entry(f"{value:,}", value)


def interval(limits: tuple[float, float] | None, *, signed: bool = False) -> Entry:
    """Return an interval, sorted by its lower limit; "-" for None."""
    if limits is None:
        return Entry("-")
    sign = "+" if signed else ""
    return Entry(f"{limits[0]:{sign}.2f} to {limits[1]:{sign}.2f}")


def spread(mean: float, deviation: float | None) -> str:
    """Return "mean ± standard deviation", or the mean of a single value."""
    return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"


def number(value: Any) -> Any:
    """Return a number with six significant digits for CSV; anything else as it is."""
    return f"{value:.6g}" if isinstance(value, float) else value


def csv_text(headings: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Return rows as CSV with a header line."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(headings)
    writer.writerows([number(value) for value in row] for row in rows)
    return buffer.getvalue()


def records_csv(records: Sequence[Mapping[str, Any]]) -> str:
    """Return records as CSV; columns are all keys in order of appearance."""
    headings = list(dict.fromkeys(key for record in records for key in record))
    return csv_text(headings, [[record.get(key, "") for key in headings] for record in records])
