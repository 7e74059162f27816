"""What several commands need: recipes read, cells made, data root chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mixup_multi.cli.terminal import warn
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.recipe.expand import analyses_of
from mixup_multi.recipe.load import load_recipe
from mixup_multi.recipe.only import Made, Part, parts_of
from mixup_multi.recipe.schema import Recipe
from mixup_multi.recipe.search import Unit, expanded
from mixup_multi.report.paper import tables


@dataclass(frozen=True)
class Planned:
    """A recipe with its cells, the choices on which others wait, its analyses, its file's text.

    `part` says how much of it this is; None where it is the whole.
    """

    name: str
    recipe: Recipe
    cells: tuple[Cell, ...]
    text: str
    units: tuple[Unit, ...] = ()
    analyses: tuple[Choice, ...] = ()
    part: Part | None = None

    @property
    def made(self) -> list[Made]:
        """Return what its cells and analyses are made of, by which they can be asked for."""
        cells = [cell.choices() for cell in self.templates]
        return [*cells, *({"analysis": choice} for choice in self.analyses)]

    @property
    def templates(self) -> list[Cell]:
        """Return all cells, those of a search with settings that are still to be chosen."""
        return [*self.cells, *(cell for unit in self.units for cell in unit.templates)]


def plan(
    names: Sequence[str], assignments: Sequence[str], only: Sequence[str] = ()
) -> list[Planned]:
    """Read recipes and expand them; with `only`, return the parts that are asked for.

    Raises:
        SettingError: with the file and line of whatever is wrong; or nothing is called as `only`
            says.
    """
    planned = []
    for name in names:
        document, recipe = load_recipe(name, assignments)
        try:
            _check_papers(recipe)
            cells, units = expanded(recipe, document.where)
            analyses = analyses_of(recipe, document.where)
        except SettingError as error:
            raise document.error(error) from error
        for said in document.lost:
            warn(said)
        name, text = document.path.stem, document.text
        planned.append(Planned(name, recipe, tuple(cells), text, tuple(units), analyses))
    return _asked_for(planned, only) if only else planned


def _asked_for(planned: Sequence[Planned], only: Sequence[str]) -> list[Planned]:
    """Return the parts of recipes that `only` asks for; stderr hears of recipes without any."""
    takers = parts_of(only, [item.made for item in planned], [item.name for item in planned])
    found = []
    for item, takes in zip(planned, takers, strict=True):
        cells = tuple(cell for cell in item.cells if takes(cell.choices()))
        units = tuple(unit for unit in item.units if takes(unit.templates[0].choices()))
        analyses = tuple(one for one in item.analyses if takes({"analysis": one}))
        kept = replace(item, cells=cells, units=units, analyses=analyses)
        if not kept.made:
            warn(f"{item.name} is left out: it has nothing of what --only asks for")
            continue
        of_cells = len(kept.templates), len(item.templates)
        part = Part(tuple(only), of_cells, (len(analyses), len(item.analyses)))
        whole = len(kept.made) == len(item.made)
        found.append(replace(kept, part=None if whole else part))
    return found


def _check_papers(recipe: Recipe) -> None:
    """Raise `SettingError` where a part names a published table that is not packaged."""
    for number, part in enumerate(recipe.parts):
        if part.paper is not None and part.paper not in tables():
            message = f"there is no published table {part.paper!r}"
            path = ("parts", number, "paper")
            raise SettingError(message + did_you_mean(part.paper, tables()), path)


def part_lines(planned: Sequence[Planned]) -> list[str]:
    """Return a line for each recipe of which only a part was asked for."""
    return [f"only a part of {item.name}: {item.part}" for item in planned if item.part]


def distinct_cells(planned: Sequence[Planned]) -> list[Cell]:
    """Return the cells of all recipes; one that several share runs once."""
    return list({cell.key: cell for item in planned for cell in item.cells}.values())


def distinct_analyses(planned: Sequence[Planned]) -> list[Choice]:
    """Return the analyses of all recipes; one that several share is made once."""
    return list({one.canonical: one for item in planned for one in item.analyses}.values())


def output_folder(given: Path | None, planned: Sequence[Planned]) -> Path:
    """Return the output folder: as given, else `runs/` and the first recipe's name."""
    return given or Path("runs") / planned[0].name


def data_root(given: Path | None, *, made: bool = False) -> Path:
    """Return the data root: as given (also by MIXUP_MULTI_DATA), else `data` here.

    One that was given and is not there is a likely typo, of which stderr hears, unless it will
    be `made`; data sets that are embedded need none.

    Raises:
        SettingError: it is a file.
    """
    root = (given or Path("data")).expanduser()
    if root.exists() and not root.is_dir():
        raise SettingError(f"the data root {root} is a file: expected a folder (--data)")
    if given is not None and not made and not root.exists():
        warn(f"the data root {root} does not exist; only embedded data sets can be had")
    return root
