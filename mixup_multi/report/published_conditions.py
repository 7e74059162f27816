"""Conditions under which ours and the published values differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.group import Group
from mixup_multi.report.layout import Row
from mixup_multi.report.paper import published_entries, tables
from mixup_multi.report.remark import Remark


def paper_conditions(group: Group, *, paper: bool) -> Iterator[Remark]:
    """Say how the published values were made, and in what ours differ."""
    if group.paper is None:
        return
    if group.paper not in tables():
        text = f"Cells name the published table {group.paper!r}, which this version does not have."
        yield Remark("problem", text)
        return
    details = list(_differing_conditions(group))
    if lacking := _not_run(group):
        details.append(f"published, but not run here: {lacking}")
    yield Remark(
        "condition",
        f"Other conditions than those of the published table {group.paper}; what a paper does not"
        " state (see the notes below the reproduction) cannot be compared and may differ too."
        + ("" if paper else " The published values themselves: mixup-multi report --paper."),
        tuple(details),
    )


def _differing_conditions(group: Group) -> Iterator[str]:
    said: dict[str, list[tuple[str, str]]] = {}
    for row, column, cells in group.places():
        for text in _conditions_of(group, row, column, cells):
            said.setdefault(text, []).append((row[0], column))
    for text, places in said.items():
        yield f"{text}: {_by_dataset(places)}"


def _conditions_of(
    group: Group, row: Row, column: str, cells: Sequence[FinishedCell]
) -> Iterator[str]:
    published = group.published_at(row, column)
    if published is None:
        yield "no published value"
        return
    digits = "".join(letter for letter in published.trials if letter.isdigit())
    if not digits:
        yield f"published trials are {published.trials or 'not stated'}, here {len(cells)}"
    elif int(digits) != len(cells):
        yield f"published over {published.trials}, here {len(cells)}"
    if published.metric != "test error (%)":
        rule = cells[0].result["selection"]
        yield f"published is the {published.metric}, ours is the test error of the {rule}"
    yield from sorted({str(note) for cell in cells for note in cell.result["notes"]})


def _not_run(group: Group) -> str:
    ran = {
        (cell.label("dataset").casefold(), cell.label("method").casefold()) for cell in group.cells
    }
    return _by_dataset(
        (dataset, column)
        for dataset, _, column in published_entries(group.paper or "")
        if (dataset.casefold(), column.casefold()) not in ran
    )


def _by_dataset(places: Iterable[tuple[str, str]]) -> str:
    """Return "Iris, CMC (ERM, Mixup); Letter (ERM)": data sets with the same methods together."""
    columns: dict[str, dict[str, None]] = {}
    for dataset, column in places:
        columns.setdefault(dataset, {})[column] = None
    alike: dict[str, list[str]] = {}
    for dataset, own in columns.items():
        alike.setdefault(", ".join(own), []).append(dataset)
    return "; ".join(f"{', '.join(sets)} ({own})" for own, sets in alike.items())
