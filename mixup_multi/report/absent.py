"""What is absent: cells that failed or never ran, analyses, and trials that methods lack."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from mixup_multi.report.cells import Unfinished
from mixup_multi.report.collect import Collected
from mixup_multi.report.group import Group
from mixup_multi.report.layout import Row
from mixup_multi.report.recipes import (
    MOST_LINES,
    by_place,
    never_begun,
    not_begun_at_all,
    parts_asked_for,
    places_of,
    planned_analyses,
    unasked,
)
from mixup_multi.report.remark import Remark, columns_of, counted

GIVEN_UP = "(A plan that was given up is forgotten when its file in the folder recipes is removed.)"


def unfinished(collected: Collected) -> Iterator[Remark]:
    """Name cells that began and are in no table, with why."""
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
            yield Remark("problem", f"{counted(len(cells), 'cell')} {text}.", _reasons(cells))
    if not collected.finished and not collected.analyses:
        yield Remark("problem", "No cell has finished: there is nothing to report yet.")


def _reasons(cells: Sequence[Unfinished]) -> tuple[str, ...]:
    """Return a line for each cell; of many, one for each place, with the first one's reason."""
    if len(cells) <= MOST_LINES:
        return tuple(f"{cell.title}: {cell.why}" for cell in cells)
    whys: dict[str, list[str]] = {}
    for place, cell in zip(places_of([cell.title for cell in cells]), cells, strict=True):
        whys.setdefault(place, []).append(cell.why)
    return tuple(
        f"{place}: {counted(len(own), 'cell')}; {'' if len(set(own)) == 1 else 'the first: '}"
        f"{own[0]}"
        for place, own in whys.items()
    )


def never_run(collected: Collected) -> Iterator[Remark]:
    """Compare what the recipes planned with the folders that there are."""
    if collected.damaged_recipes:
        text = "What was planned is partly unknown: these files of recipes cannot be read."
        yield Remark("problem", text, collected.damaged_recipes)
    if absent := never_begun(collected):
        yield Remark(
            "problem",
            f"{counted(len(absent), 'planned cell')} never ran, so that no table has them."
            f" {GIVEN_UP}",
            by_place(absent.values()),
        )
    elif collected.recipes and collected.finished and not collected.unfinished:
        text = f"All {counted(len(collected.finished), 'cell')} of this folder finished"
        yield Remark("condition", f"{text}, and none that its recipes planned is absent.")
    for said in parts_asked_for(collected):
        yield Remark("condition", said)
    if idle := not_begun_at_all(collected):
        yield Remark("condition", "Recipes of which nothing ran here.", tuple(idle))
    if not collected.recipes:
        text = "No recipe is kept in this folder, so that cells that never ran cannot be told."
        yield Remark("condition", text)
    elif strangers := unasked(collected):
        text = f"{counted(strangers, 'cell')} in the tables are of no recipe that is kept here."
        yield Remark("condition", text)


def not_analysed(collected: Collected) -> Iterator[Remark]:
    """Name planned analyses that are not made, with why."""
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


def gaps(groups: Sequence[Group], *, recipes_kept: bool) -> Iterator[Remark]:
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
        yield Remark("problem", f"{columns_of(groups)} {text}", tuple(details))


def _gaps_of_row(group: Group, row: Row, *, none_is_a_gap: bool) -> Iterator[str]:
    trials = {
        m: {(c.record["seed"], c.record["fold"]) for c in group.at(row, m)} for m in group.columns
    }
    every = set().union(*trials.values())
    for column, own in trials.items():
        if (lacking := len(every - own)) and (own or none_is_a_gap):
            have = f"{len(own)} of {len(every)} trials"
            yield f"{' / '.join(row)} / {column}: {have}, {lacking} missing"
