"""What several commands need: recipes read, cells made, data root chosen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixup_multi.cli.terminal import warn
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.recipe.expand import analyses_of
from mixup_multi.recipe.load import load_recipe
from mixup_multi.recipe.schema import Recipe
from mixup_multi.recipe.search import Unit, expanded
from mixup_multi.report.paper import tables


@dataclass(frozen=True)
class Planned:
    """A recipe with its cells, the choices on which others wait, its analyses, its file's text."""

    name: str
    recipe: Recipe
    cells: tuple[Cell, ...]
    text: str
    units: tuple[Unit, ...] = ()
    analyses: tuple[Choice, ...] = ()

    @property
    def templates(self) -> list[Cell]:
        """Return all cells, those of a search with settings that are still to be chosen."""
        return [*self.cells, *(cell for unit in self.units for cell in unit.templates)]


def plan(names: Sequence[str], assignments: Sequence[str]) -> list[Planned]:
    """Read recipes and expand them.

    Raises:
        SettingError: with the file and line of whatever is wrong.
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
        name, text = document.path.stem, document.text
        planned.append(Planned(name, recipe, tuple(cells), text, tuple(units), analyses))
    return planned


def _check_papers(recipe: Recipe) -> None:
    """Raise `SettingError` where a part names a published table that is not packaged."""
    for number, part in enumerate(recipe.parts):
        if part.paper is not None and part.paper not in tables():
            message = f"there is no published table {part.paper!r}"
            path = ("parts", number, "paper")
            raise SettingError(message + did_you_mean(part.paper, tables()), path)


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
