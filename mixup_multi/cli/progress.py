"""What a run shows in the terminal: a bar for each cell that is being trained, a line for each end.

Without a terminal there are the lines only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)

from mixup_multi.recipe.expand import Cell


class TerminalWatcher:
    """Shows how the cells go on, and keeps the results.

    Attributes:
        results: of the done cells, by key.
        failed_before: how many cells had failed in an earlier run.
    """

    def __init__(self, console: Console, cells: Sequence[Cell]) -> None:
        self.console = console
        self.numbers: dict[str, int] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.failed_before = 0
        self.bars: dict[str, TaskID] = {}
        self.progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        self.expect(cells)

    def expect(self, cells: Sequence[Cell]) -> None:
        """Number cells; a search knows some of its own only later."""
        for cell in cells:
            self.numbers.setdefault(cell.key, len(self.numbers) + 1)

    def cell_starts(self, cell: Cell) -> None:
        """Show a fresh bar."""
        self._drop_bar(cell)
        self.bars[cell.key] = self.progress.add_task(
            self._heading(cell), total=cell.train.epochs, status="starting"
        )

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        """Move the cell's bar on."""
        watched = record.get("validation_error", record.get("train_error", float("nan")))
        part = "validation" if "validation_error" in record else "training"
        status = f"loss {record['train_loss']:.4f}, {part} error {watched:.2f} %"
        self.progress.update(self.bars[cell.key], completed=record["epoch"], status=status)

    def cell_ends(self, cell: Cell, result: dict[str, Any], *, fresh: bool) -> None:
        """Print the cell's result."""
        self.results[cell.key] = result
        self._drop_bar(cell)
        if fresh:
            when = "" if cell.selection == "last" else " at the last epoch"
            self._print(
                f"{self._heading(cell)}: test error{when} [bold]{result['test_error']:.2f} %[/],"
                f" training error {result['train_error']:.2f} %, {result['seconds']:.1f} s"
            )

    def cell_fails(self, cell: Cell, message: str, *, fresh: bool) -> None:
        """Print why."""
        self._drop_bar(cell)
        self.failed_before += not fresh
        when = "failed" if fresh else "failed earlier"
        self._print(f"[red]{when}[/] {escape(cell.title)}: {escape(message)}")

    def says(self, message: str) -> None:
        """Print it."""
        self._print(f"[yellow]{escape(message)}[/]")

    def _heading(self, cell: Cell) -> str:
        return escape(f"[{self.numbers[cell.key]}/{len(self.numbers)}] {cell.title}")

    def _drop_bar(self, cell: Cell) -> None:
        if cell.key in self.bars:
            self.progress.remove_task(self.bars.pop(cell.key))

    def _print(self, text: str) -> None:
        self.console.print(text, highlight=False, soft_wrap=True)
