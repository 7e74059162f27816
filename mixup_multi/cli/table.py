"""The error table in the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixup_multi.recipe.schema import Recipe
from mixup_multi.report.layout import LAYOUTS, Row
from mixup_multi.report.tables import ErrorTable, Finished, Summary, error_table


def print_tables(
    console: Console, recipe: Recipe, finished: Iterable[Finished], rules: Sequence[str]
) -> None:
    """Print test errors by row and column, with the published values below ours.

    Args:
        console: where to.
        recipe: its title and notes are printed, and its layout is followed.
        finished: what is reported of each cell.
        rules: by which its epoch was selected, in words.
    """
    layout = LAYOUTS[recipe.columns]
    table = error_table(finished, layout)
    if not table.rows:
        return
    counts = {summary.n for summary in table.cells.values()}
    what = f"test error in %, {'; '.join(rules)}{_repeated(counts)}"
    grid = Table(title=f"{escape(recipe.title)}\n{what}", title_style="bold")
    for heading in layout.headings:
        grid.add_column(heading.lower(), overflow="fold")
    for column in table.columns:
        grid.add_column(escape(column), justify="right", overflow="fold")
    for row in table.rows:
        best = table.best(row)
        errors = [
            _cell(table, row, column, bold=column in best, counted=len(counts) > 1)
            for column in table.columns
        ]
        grid.add_row(*map(escape, row), *errors)
    console.print(grid)
    for note in (*table.notes, *table.published_notes(), *recipe.notes):
        console.print(f"  note: {escape(note)}", highlight=False, soft_wrap=True)


def _repeated(counts: set[int]) -> str:
    """Return what the ± are, where there are any; and n, where it is the same everywhere."""
    if counts == {1}:
        return ""
    n = f" of n = {counts.copy().pop()}" if len(counts) == 1 else ""
    return f", mean ± standard deviation{n}"


def _cell(table: ErrorTable, row: Row, column: str, *, bold: bool, counted: bool) -> str:
    summary = table.cells.get((*row, column))
    if summary is None:
        return "-"
    ours = f"{summary} (n={summary.n})" if counted else f"{summary}"
    return (f"[bold]{ours}[/]" if bold else ours) + _published(summary)


def _published(summary: Summary) -> str:
    if summary.paper is None:
        return ""
    spread = f" ± {summary.paper.spread}" if summary.paper.spread else ""
    return f"\n[dim]paper {summary.paper.value:.2f}{spread}[/]"
