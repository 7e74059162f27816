"""`mixup-multi plan`: each cell and how far it is; `mixup-multi index`."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from mixup_multi.cli.codecs import codec_lines
from mixup_multi.cli.plan import (
    distinct_analyses,
    distinct_cells,
    output_folder,
    part_lines,
    plan,
)
from mixup_multi.cli.searches import SearchStates, judged, search_states
from mixup_multi.cli.terminal import Terminal
from mixup_multi.errors import OutputError
from mixup_multi.grid.analyses import missing_analyses
from mixup_multi.grid.checks import DataKeys, check_validation
from mixup_multi.grid.estimate import Basis, Estimate, speeds_of
from mixup_multi.grid.folder import index
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.grid.state import CellState, counted, states_of

BASES: dict[Basis, str] = {
    "same method": "cells of the same data set, model and method",
    "same model": "cells of the same data set and model, with other methods",
}


def print_states(
    names: Sequence[str],
    assignments: Sequence[str],
    data: Path,
    out: Path | None,
    terminal: Terminal,
    only: Sequence[str] = (),
) -> None:
    """Print the state of every cell, the counts, and an estimate of the time that is left."""
    planned = plan(names, assignments, only)
    folder = output_folder(out, planned)
    shelf = Shelf(Site(data, folder, torch.device("cpu")))
    keys = DataKeys(shelf)
    cells, units = distinct_cells(planned), [unit for item in planned for unit in item.units]
    check_validation([*cells, *judged(units)], shelf)
    searches = search_states(cells, units, folder, lambda some: states_of(some, folder, keys))
    states = searches.states
    left = _time_left(folder, states)
    due = missing_analyses(distinct_analyses(planned), folder)
    analyses = [
        {"analysis": one.label, "state": "to do" if one in due else "done"}
        for one in distinct_analyses(planned)
    ]
    if terminal.as_json:
        terminal.answer({**_document(folder, states, left, searches), "analyses": analyses})
        return
    lines = [_line(state) for state in states]
    counts = ", ".join(f"{n} {name}" for name, n in counted(states).items() if n)
    said = f": {counts}" if counts else ""
    lines += [f"{len(states)} cells in {folder}{said}", *_said(left), *searches.lines]
    lines += codec_lines([state.cell for state in states], folder)
    lines += [f"{one['state']:<8}analysis {one['analysis']}" for one in analyses]
    lines += part_lines(planned)
    sys.stdout.write("\n".join(lines) + "\n")  # rich takes seconds for ten thousand lines


def _time_left(out: Path, states: Sequence[CellState]) -> dict[str, Estimate]:
    """Return an estimate for each cell that is neither done nor failed, by key."""
    speeds = speeds_of(out, states)
    return {
        state.cell.key: speeds.estimate(state.cell, state.cell.train.epochs - state.epochs)
        for state in states
        if state.state not in ("done", "failed")
    }


def _line(state: CellState) -> str:
    begun = state.epochs if state.state != "done" else 0
    so_far = f", {begun} of {state.cell.train.epochs} epochs done" if begun else ""
    reason = f"  ({state.reason})" if state.reason else ""
    return f"{state.state:<8}{state.cell.key}  {state.cell.title}{so_far}{reason}"


def _said(left: dict[str, Estimate]) -> list[str]:
    """Return how long the rest takes and how that is known."""
    if not left:
        return []
    counts = Counter(estimate.basis for estimate in left.values())
    seconds = sum(estimate.seconds for estimate in left.values())
    known = [f"{counts[basis]} by {what}" for basis, what in BASES.items() if counts[basis]]
    lines = []
    if known:
        lines.append(
            f"about {_duration(seconds)} of training left in one process, from the seconds an"
            f" epoch measured in this folder ({'; '.join(known)})"
        )
    if counts["unknown"]:
        lines.append(f"{counts['unknown']} cells of unknown cost: nothing like them has run here")
    return lines


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 2 * 3600:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"


def _document(
    out: Path, states: Sequence[CellState], left: dict[str, Estimate], searches: SearchStates
) -> dict[str, Any]:
    known = [estimate for estimate in left.values() if estimate.basis != "unknown"]
    return {
        "out": str(out),
        "counts": counted(states),
        "seconds_left": sum(estimate.seconds for estimate in known),
        "cells_of_unknown_cost": len(left) - len(known),
        "cells_after_the_search": searches.waiting,
        "search_cells_to_be_proposed": searches.unasked,
        "cells": [_entry(state, left.get(state.cell.key)) for state in states],
    }


def _entry(state: CellState, left: Estimate | None) -> dict[str, Any]:
    cell = state.cell
    known = left is not None and left.basis != "unknown"
    return {
        "key": cell.key,
        "folder": cell.folder,
        **{kind: choice.label for kind, choice in cell.choices().items()},
        "seed": cell.seed,
        "fold": cell.fold,
        "state": state.state,
        "reason": state.reason,
        "epochs": cell.train.epochs,
        "epochs_done": state.epochs,
        "seconds_left": left.seconds if left is not None and known else None,
        "estimated_from": left.basis if left is not None else None,
    }


def print_index(out: Path, *, rebuild: bool, terminal: Terminal) -> None:
    """Print how many cells the index of `out` holds, having rebuilt it if asked to.

    Raises:
        OutputError: `out` is not an output folder, or has no index that can be read.
    """
    if not (out / "cells").is_dir():
        raise OutputError(f"{out} is not an output folder: it has no folder named cells")
    rebuilt = index.rebuild(out) if rebuild else None
    counts = index.counts(out)
    if counts is None:
        raise OutputError(
            f"{out / index.FILE} is missing or damaged: mixup-multi index {out} --rebuild"
        )
    said = ", ".join(f"{n} {state}" for state, n in counts.items()) or "no cells"
    if terminal.as_json:
        terminal.answer({"file": str(out / index.FILE), "rebuilt": rebuild, "counts": counts})
    elif rebuilt is None:
        sys.stdout.write(f"{said} in {out / index.FILE}\n")
    else:
        sys.stdout.write(f"{rebuilt} cells in {out / index.FILE}\n")
