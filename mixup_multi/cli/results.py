"""The table at the end of a run: what each cell's protocol reports, and what it cannot yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape

from mixup_multi.cli.table import print_tables
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.protocol.selection import Done, Selected, Selection, Unselected, select
from mixup_multi.recipe.cell import Cell
from mixup_multi.recipe.schema import Recipe
from mixup_multi.report.tables import Finished

Results = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class Shown:
    """What is reported of cells that are done; by which rules, in words; and what is left out."""

    finished: tuple[Finished, ...]
    rules: tuple[str, ...]
    left_out: tuple[str, ...]


def print_results(
    console: Console, recipe: Recipe, cells: Sequence[Cell], results: Results, out: Path
) -> Shown:
    """Print a recipe's table, and of which cells it says nothing yet; return what it shows."""
    shown = finished_cells(cells, results, out)
    print_tables(console, recipe, shown.finished, shown.rules)
    for message in shown.left_out:
        text = f"  [yellow]not in the table[/] {escape(message)}"
        console.print(text, highlight=False, soft_wrap=True)
    return shown


def finished_cells(cells: Sequence[Cell], results: Results, out: Path) -> Shown:
    """Return what the table needs of the cells that are done, at the epoch that is selected."""
    done = [cell for cell in cells if cell.key in results]
    found: dict[str, Selection] = {}
    for rule in dict.fromkeys(cell.selection for cell in done):
        own = [cell for cell in done if cell.selection == rule]
        seen = [_seen(cell, results[cell.key], out) for cell in own]
        found.update(zip((cell.key for cell in own), select(rule, seen), strict=True))
    taken = [(cell, one) for cell in done if isinstance(one := found[cell.key], Selected)]
    left = [(cell, one) for cell in done if isinstance(one := found[cell.key], Unselected)]
    return Shown(
        tuple(_finished(cell, one.over(results[cell.key])) for cell, one in taken),
        tuple(dict.fromkeys(one.text for _, one in taken)),
        tuple(f"{cell.title}: {one.why}" for cell, one in left),
    )


def _seen(cell: Cell, result: Mapping[str, Any], out: Path) -> Done:
    """Return a cell as selection sees it; the last epoch needs no history."""
    history = () if cell.selection == "last" else CellFolder.of(out, cell).history()[0]
    return Done(cell.record(), result, history)


def _finished(cell: Cell, result: Mapping[str, Any]) -> Finished:
    return Finished(
        dataset=cell.dataset.label,
        model=cell.model.label,
        method=cell.method.label,
        test_error=result["test_error"],
        paper=cell.paper,
        notes=tuple(result["notes"]),
    )
