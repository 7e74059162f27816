"""What a reader has to know before any number: said at the top of the report, never left out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.collect import Collected
from mixup_multi.report.group import Group
from mixup_multi.report.layout import SYSTEMS, Row
from mixup_multi.report.paper import published_entries, tables
from mixup_multi.report.recipes import (
    by_place,
    never_begun,
    not_begun_at_all,
    planned_analyses,
    unasked,
)
from mixup_multi.report.verdicts import verdicts

GIVEN_UP = "(A plan that was given up is forgotten when its file in the folder recipes is removed.)"


@dataclass(frozen=True)
class Remark:
    """A remark: a `problem` (something is wrong or absent) or a `condition` to know."""

    kind: str
    text: str
    details: tuple[str, ...] = ()


def remarks(collected: Collected, groups: Sequence[Group], *, paper: bool) -> list[Remark]:
    """Return all remarks, problems first."""
    found = [
        *_unfinished(collected),
        *_never_run(collected),
        *_not_analysed(collected),
        *_gaps(groups, recipes_kept=bool(collected.recipes)),
        *_unpaired(groups),
        *_told_apart(collected),
        *_stale(collected),
        *_unmeasured(groups),
        *_systems(groups),
        *_notes(collected.finished),
        *_selection(collected.finished),
        *_tried(collected),
        *(remark for group in groups for remark in _paper_conditions(group, paper=paper)),
        *(Remark("condition", said) for group in groups for said in verdicts(group, paper=paper)),
        *_environments(collected.finished),
    ]
    return sorted(found, key=lambda remark: remark.kind != "problem")


def _counted(n: int, what: str) -> str:
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def _unfinished(collected: Collected) -> Iterator[Remark]:
    said = {
        "failed": "failed and {are} not in any table",
        "running": "{are} still running and not in any table",
        "unfinished": "did not finish and {are} not in any table",
        "damaged": "cannot be read and {are} not in any table",
        "unselected": "finished, but its protocol cannot select yet, and {are} not in any table",
    }
    for kind, text in said.items():
        cells = [cell for cell in collected.unfinished if cell.kind == kind]
        if cells:
            text = text.format(are="is" if len(cells) == 1 else "are")
            details = tuple(f"{cell.title}: {cell.why}" for cell in cells)
            yield Remark("problem", f"{_counted(len(cells), 'cell')} {text}.", details)
    if not collected.finished and not collected.analyses:
        yield Remark("problem", "No cell has finished: there is nothing to report yet.")


def _never_run(collected: Collected) -> Iterator[Remark]:
    """Compare what the recipes planned with the folders that there are."""
    if collected.damaged_recipes:
        text = "What was planned is partly unknown: these files of recipes cannot be read."
        yield Remark("problem", text, collected.damaged_recipes)
    if absent := never_begun(collected):
        yield Remark(
            "problem",
            f"{_counted(len(absent), 'planned cell')} never ran, so that no table has them."
            f" {GIVEN_UP}",
            by_place(absent.values()),
        )
    elif collected.recipes and collected.finished and not collected.unfinished:
        text = f"All {_counted(len(collected.finished), 'cell')} of this folder finished"
        yield Remark("condition", f"{text}, and none that its recipes planned is absent.")
    if idle := not_begun_at_all(collected):
        yield Remark("condition", "Recipes of which nothing ran here.", tuple(idle))
    if not collected.recipes:
        text = "No recipe is kept in this folder, so that cells that never ran cannot be told."
        yield Remark("condition", text)
    elif strangers := unasked(collected):
        text = f"{_counted(strangers, 'cell')} in the tables are of no recipe that is kept here."
        yield Remark("condition", text)


def _not_analysed(collected: Collected) -> Iterator[Remark]:
    made = {folder.name for folder in collected.analyses}
    planned = planned_analyses(collected)
    absent = {name: label for name, label in planned.items() if name not in made}
    if absent:
        one = len(absent) == 1
        text = f"{len(absent):,} planned {'analysis is' if one else 'analyses are'} not made"
        why = (
            f"{label}: {collected.unmade.get(name, 'it never began')}"
            for name, label in absent.items()
        )
        yield Remark("problem", f"{text}; run their recipe again. {GIVEN_UP}", tuple(why))
    elif planned:
        text = f"Of {len(planned):,} planned analyses none is absent."
        yield Remark("condition", text)


def _gaps(groups: Sequence[Group], *, recipes_kept: bool) -> Iterator[Remark]:
    """Name trials that some columns of a row have and others lack.

    A column of which a row has none at all may never have been planned there, as where a recipe
    gives models methods of their own; where recipes are kept, what is absent is known from them.
    """
    details: list[str] = []
    for group in groups:
        for row in group.rows:
            details += _gaps_of_row(group, row, none_is_a_gap=not recipes_kept)
    if details:
        text = "of a row do not have the same trials; the tables average what there is."
        yield Remark("problem", f"{_many(groups)} {text}", tuple(details))


def _gaps_of_row(group: Group, row: Row, *, none_is_a_gap: bool) -> Iterator[str]:
    trials = {
        m: {(c.record["seed"], c.record["fold"]) for c in group.at(row, m)} for m in group.columns
    }
    every = set().union(*trials.values())
    for column, own in trials.items():
        if (lacking := len(every - own)) and (own or none_is_a_gap):
            have = f"{len(own)} of {len(every)} trials"
            yield f"{' / '.join(row)} / {column}: {have}, {lacking} missing"


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
        yield Remark("problem", f"{_many(groups)} {text} not paired.", tuple(mixed))


def _many(groups: Sequence[Group]) -> str:
    """Return what the columns of tables are, to begin a sentence: "Methods", or "Systems"."""
    return " and ".join(dict.fromkeys(group.layout.many for group in groups)).capitalize()


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
        text = f"{_counted(len(collected.stale), 'cell')} of older data or settings"
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
            f"{_counted(collected.tried, 'further cell')} served a search only and stand in no"
            " table; what was searched and chosen is said in the tables named Search.",
        )


def _paper_conditions(group: Group, *, paper: bool) -> Iterator[Remark]:
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
