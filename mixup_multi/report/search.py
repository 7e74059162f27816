"""What was searched, on what, and what was chosen."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.group import Group
from mixup_multi.report.layout import Row
from mixup_multi.report.sheet import Entry, Sheet, count, words

SHARED = (
    "One choice for all trials was made on the validation rows of the first ones. Where each trial"
    " has a split of its own, those are partly test rows of other trials, so that these test"
    " errors are slightly optimistic; `per: trial` avoids it."
)


def search_sheet(group: Group) -> Sheet | None:
    """Return what was chosen for each row and column; None where nothing was."""
    places = [
        (row, column, searched)
        for row, column, cells in group.places()
        if (searched := [cell for cell in cells if cell.search])
    ]
    if not places:
        return None
    shared = any(cell.search["per"] == "dataset" for *_, cells in places for cell in cells)
    return Sheet(
        name=f"{group.name}-search",
        title="Search",
        caption="Settings that were chosen by the least validation measure, never by a test part:"
        " the values tried, those chosen (with the number of trials or folds that have them where"
        " they differ), how many cells were trained to choose (those chosen among them), how many"
        " points failed, and the mean of the measure at what was chosen.",
        headings=(
            *(*group.layout.place_headings, "Searched", "Chosen", "Search cells"),
            *("Failed points", "By", "Its mean"),
        ),
        rows=tuple(_row(*place) for place in places),
        notes=(SHARED,) if shared else (),
    )


def _row(row: Row, column: str, cells: Sequence[FinishedCell]) -> tuple[Entry, ...]:
    said = [cell.search for cell in cells]
    choices = {str(one["tried"]): one for one in said}.values()  # one for all trials is one
    chosen = Counter(", ".join(f"{k}={v}" for k, v in one["chosen"].items()) for one in said)
    texts = [text if len(chosen) == 1 else f"{text} ({n})" for text, n in chosen.most_common()]
    by = f"{said[0]['by'].replace('_', ' ')}, per {said[0]['per']}, {said[0]['study']}"
    score = float(np.mean([one["score"] for one in choices]))
    return (
        *words(*row, column, _axes(said[0]["over"]), "; ".join(texts)),
        count(len({folder for one in said for folder in one["tried"]})),
        count(sum(one["failed"] for one in choices)),
        Entry(by),
        Entry(f"{score:.4g}", score),
    )


def _axes(over: dict[str, object]) -> str:
    return "; ".join(f"{path}: {_values(axis)}" for path, axis in over.items())


def _values(axis: object) -> str:
    if isinstance(axis, dict):
        return f"{axis['low']} to {axis['high']}{' (log)' if axis['log'] else ''}"
    return ", ".join(map(str, axis if isinstance(axis, list) else [axis]))
