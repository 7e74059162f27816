"""What was asked for: the recipes that were run in a folder, and what came of their cells."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from mixup_multi.grid.recipes import KeptRecipe
from mixup_multi.report.collect import Collected


@dataclass(frozen=True)
class Story:
    """A recipe as the report tells it.

    Attributes:
        title, source, notes: as the recipe says.
        commands: that ran it, but for where data and results lie.
        progress: how many of its cells have finished.
        text: the recipe's file.
    """

    title: str
    source: str
    notes: tuple[str, ...]
    commands: tuple[str, ...]
    progress: str
    text: str


def stories(collected: Collected) -> Iterator[Story]:
    """Yield each recipe once, with every command that ran the same cells of it."""
    alike: dict[tuple[object, ...], list[KeptRecipe]] = {}
    for recipe in collected.recipes:
        asked = (*recipe.cells, *recipe.analyses)
        same = (recipe.title, recipe.source, recipe.notes, recipe.text, asked)
        alike.setdefault(same, []).append(recipe)
    for recipes in alike.values():
        first = recipes[0]
        yield Story(
            title=first.title,
            source=first.source,
            notes=first.notes,
            commands=tuple(dict.fromkeys(recipe.command for recipe in recipes if recipe.command)),
            progress=_progress(first, collected),
            text=first.text,
        )


def _progress(recipe: KeptRecipe, collected: Collected) -> str:
    """Return how many of a recipe's cells and analyses are finished."""
    said = []
    if recipe.cells:
        done = {cell.record["key"] for cell in collected.finished}
        finished = len(done & recipe.cells.keys())
        said.append(f"{finished:,} of {len(recipe.cells):,} planned cells finished")
        if recipe.part is not None:
            said[-1] += f", of {recipe.part.cells[1]:,} that the recipe has"
    if recipe.analyses:
        made = {folder.name for folder in collected.analyses}
        finished = len(made & recipe.analyses.keys())
        said.append(f"{finished:,} of {len(recipe.analyses):,} analyses made")
    return "; ".join(said) or "its cells are those that its search chose"


def never_begun(collected: Collected) -> dict[str, str]:
    """Return the planned cells that have no folder, by key; recipes of which nothing ran aside."""
    begun = _begun(collected)
    return {
        key: title
        for recipe in _run(collected)
        for key, title in recipe.cells.items()
        if key not in begun
    }


def planned_analyses(collected: Collected) -> dict[str, str]:
    """Return the labels of planned analyses by folder; recipes of which nothing ran aside."""
    return {name: label for recipe in _run(collected) for name, label in recipe.analyses.items()}


def not_begun_at_all(collected: Collected) -> list[str]:
    """Return the titles of recipes of which no cell and no analysis was begun."""
    run = _run(collected)
    planned = [one for one in collected.recipes if one.cells or one.analyses]  # a search does later
    idle = [recipe for recipe in planned if recipe not in run]
    return list(dict.fromkeys(f"{recipe.title} ({recipe.command})" for recipe in idle))


def _run(collected: Collected) -> list[KeptRecipe]:
    """Return the recipes of which something was begun."""
    begun = _begun(collected)
    return [one for one in collected.recipes if not begun.isdisjoint([*one.cells, *one.analyses])]


def unasked(collected: Collected) -> int:
    """Return how many finished cells neither a kept recipe nor a search has planned."""
    planned = {key for recipe in collected.recipes for key in recipe.cells}
    own = [cell for cell in collected.finished if not cell.search]
    return sum(cell.record["key"] not in planned for cell in own)


MOST_LINES = 12
"""Of details of one kind; of more, those of a row of the table, or of a data set, are one."""


def by_place(titles: Iterable[str]) -> tuple[str, ...]:
    """Return "Iris / MLP / ERM: 3 cells" for cells that differ in seed and fold only."""
    counts = Counter(places_of(list(titles)))
    return tuple(f"{place}: {n:,} {'cell' if n == 1 else 'cells'}" for place, n in counts.items())


def places_of(titles: Sequence[str]) -> list[str]:
    """Return the place of each cell, as finely as a dozen lines allow.

    That is data set, model and method; where these are more, without the method; and where it
    still is, the data set.
    """
    for depth in (3, 2, 1):
        places = [_place(title, depth) for title in titles]
        if len(set(places)) <= MOST_LINES:
            break
    return places


def _place(title: str, depth: int) -> str:
    """Return data set, model and method of a title, or the first ones of these."""
    whole = title.rpartition(", seed ")[0] or title
    labels = whole.split(" / ")
    return " / ".join(labels[:depth]) if len(labels) == 3 else whole


def parts_asked_for(collected: Collected) -> list[str]:
    """Return of which recipes only a part was asked for, a line each.

    A part does not count where the whole was asked for in this folder too.
    """
    wholes = [recipe for recipe in collected.recipes if recipe.part is None]
    parts = {
        f"Only a part of {recipe.title} was asked for here: {recipe.part}.": None
        for recipe in collected.recipes
        if recipe.part is not None and not any(_holds(whole, recipe) for whole in wholes)
    }
    return list(parts)


def _holds(whole: KeptRecipe, part: KeptRecipe) -> bool:
    """Return whether a plan has everything of another one of the same file."""
    cells = part.cells.keys() <= whole.cells.keys()
    return whole.text == part.text and cells and part.analyses.keys() <= whole.analyses.keys()


def _begun(collected: Collected) -> set[str]:
    """Return the keys of cells, and the folders of analyses, that are there."""
    finished = {str(cell.record["key"]) for cell in collected.finished}
    analyses = {*collected.unmade, *(folder.name for folder in collected.analyses)}
    return finished | {cell.key for cell in collected.unfinished} | analyses
