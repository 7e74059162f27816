"""What a reader has to know before any number: said at the top of the report, never left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mixup_multi.report.absent import gaps, never_run, not_analysed, unfinished
from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.collect import Collected
from mixup_multi.report.group import Group
from mixup_multi.report.layout import SYSTEMS, Row
from mixup_multi.report.published_conditions import paper_conditions
from mixup_multi.report.remark import Remark, columns_of, counted
from mixup_multi.report.verdicts import verdicts


def remarks(collected: Collected, groups: Sequence[Group], *, paper: bool) -> list[Remark]:
    """Return all remarks, problems first."""
    found = [
        *unfinished(collected),
        *never_run(collected),
        *not_analysed(collected),
        *gaps(groups, recipes_kept=bool(collected.recipes)),
        *_unpaired(groups),
        *_told_apart(collected),
        *_stale(collected),
        *_unmeasured(groups),
        *_systems(groups),
        *_notes(collected.finished),
        *_selection(collected.finished),
        *_tried(collected),
        *(remark for group in groups for remark in paper_conditions(group, paper=paper)),
        *(Remark("condition", said) for group in groups for said in verdicts(group, paper=paper)),
        *_environments(collected.finished),
    ]
    return sorted(found, key=lambda remark: remark.kind != "problem")


def _unpaired(groups: Sequence[Group]) -> Iterator[Remark]:
    """Name rows whose columns saw different data in one trial."""
    keys: dict[tuple[Row, Any, Any], set[str]] = {}
    for group in groups:
        for cell in group.cells:
            trial = (cell.row, cell.record["seed"], cell.record["fold"])
            keys.setdefault(trial, set()).add(str(cell.result["data_key"]))
    mixed = {" / ".join(row): None for (row, _, _), seen in keys.items() if len(seen) > 1}
    if mixed:
        text = "saw different data in one trial (it changed between runs); such cells are"
        yield Remark("problem", f"{columns_of(groups)} {text} not paired.", tuple(mixed))


def _systems(groups: Sequence[Group]) -> Iterator[Remark]:
    """Say what a column is where it is more than a method, and where tables are of both kinds."""
    systems = [group for group in groups if group.layout is SYSTEMS]
    if not systems:
        return
    alone = {
        f"{cell.model} ({cell.method})": None
        for group in systems
        for cell in group.cells
        if group.column(cell) == cell.model
    }
    yield Remark(
        "condition",
        "A column is a system: a model with its method and training. Two of them may differ in all"
        " of these, so that their difference is not the effect of a method; what each was run with"
        " stands in the table Systems.",
        (f"named by the model alone: {', '.join(alone)}",) if alone else (),
    )
    if len(systems) < len(groups):
        text = "Cells of this folder are laid out in two ways, in tables of their own: each as the"
        yield Remark("condition", f"{text} recipe says that was run with it last.")


def _told_apart(collected: Collected) -> Iterator[Remark]:
    if collected.told_apart:
        yield Remark(
            "problem",
            "Cells with equal labels differ in their settings; they are not averaged, and what"
            " differs is added to their labels.",
            collected.told_apart,
        )


def _stale(collected: Collected) -> Iterator[Remark]:
    if collected.stale:
        text = f"{counted(len(collected.stale), 'cell')} of older data or settings"
        yield Remark("condition", f"{text} lie aside, in no table.", collected.stale)


def _unmeasured(groups: Iterable[Group]) -> Iterator[Remark]:
    about: dict[str, dict[str, None]] = {}
    for group in groups:
        for cell in group.cells:
            if why := group.unmeasured.get(cell.record["key"]):
                about.setdefault(why, {})[f"{cell.dataset} / {group.column(cell)}"] = None
    if about:
        yield Remark(
            "problem",
            "Calibration and confusion lack some cells, whose stored logits do not give them.",
            tuple(f"{', '.join(places)}: {why}" for why, places in about.items()),
        )


def _notes(cells: Sequence[FinishedCell]) -> Iterator[Remark]:
    about: dict[str, dict[str, None]] = {}
    for cell in cells:
        for note in cell.result["notes"]:
            about.setdefault(str(note), {})[cell.dataset] = None
    if about:
        details = tuple(f"{', '.join(sets)}: {note}" for note, sets in about.items())
        yield Remark("condition", "What the data sets say of themselves.", details)


def _selection(cells: Sequence[FinishedCell]) -> Iterator[Remark]:
    if not cells:
        return
    rules: dict[str, dict[str, None]] = {}
    for cell in cells:
        rules.setdefault(str(cell.result["selection"]), {})[cell.dataset] = None
    said = [f"{rule} ({', '.join(sets)})" for rule, sets in rules.items()]
    text = f"Selection: {'; '.join(said) if len(said) > 1 else next(iter(rules))}."
    tracked = sorted({cell.dataset for cell in cells if cell.record["train"]["track_test"]})
    if tracked:
        text += f" The test error was recorded while training (track_test) on {', '.join(tracked)}"
        chosen = sorted({cell.dataset for cell in cells if cell.result["selected_on_test"]})
        text += ", and nothing was selected on it." if not chosen else "."
        if chosen:
            text += f" It chose the epoch on {', '.join(chosen)}: those errors are optimistic."
    if any(cell.result["selected_epoch"] != cell.result["epochs"] for cell in cells):
        text += " Calibration and confusion are of the stored outputs, those of the last epoch."
    yield Remark("condition", text)


def _tried(collected: Collected) -> Iterator[Remark]:
    if collected.tried:
        yield Remark(
            "condition",
            f"{counted(collected.tried, 'further cell')} served a search only and stand in no"
            " table; what was searched and chosen is said in the tables named Search.",
        )


def _environments(cells: Sequence[FinishedCell]) -> Iterator[Remark]:
    for key, what in (("commit", "commits"), ("device_name", "devices"), ("python", "Pythons")):
        values = sorted({str(cell.environment.get(key) or "unknown") for cell in cells})
        if len(values) > 1:
            yield Remark("condition", f"Cells were made with several {what}: {', '.join(values)}.")
    packages = sorted(
        {
            f"{name} {version or 'not installed'}"
            for cell in cells
            for name, version in cell.environment.get("packages", {}).items()
            if any(o.environment.get("packages", {}).get(name) != version for o in cells)
        }
    )
    if packages:
        yield Remark("condition", f"Cells were made with several versions: {', '.join(packages)}.")
    if any(str(cell.environment.get("commit", "")).endswith("+changes") for cell in cells):
        yield Remark("condition", "Some cells ran from a source tree with uncommitted changes.")
