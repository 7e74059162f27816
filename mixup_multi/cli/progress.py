"""What a run shows in the terminal: a bar for what is being trained, a line for each end.

Cells of one data set and model, which may train together by the dozen, share a bar. Without a
terminal there are the lines only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn

from mixup_multi.cli.terminal import Terminal
from mixup_multi.recipe.cell import Cell


@dataclass
class _Bar:
    """A bar and the cells that it stands for, with the epochs that each has behind it."""

    task: TaskID
    cells: dict[str, Cell] = field(default_factory=dict)
    epochs: dict[str, float] = field(default_factory=dict)


class TerminalWatcher:
    """Shows how the cells go on, and keeps the results.

    Attributes:
        results: of the done cells, by key.
        failures: why the failed ones did, by key.
        failed_before: how many cells had failed in an earlier run.
    """

    def __init__(self, terminal: Terminal, cells: Sequence[Cell]) -> None:
        self.terminal = terminal
        self.numbers: dict[str, int] = {}
        self.results: dict[str, dict[str, Any]] = {}
        self.failures: dict[str, str] = {}
        self.failed_before = 0
        self.bars: dict[tuple[str, str], _Bar] = {}
        self.progress = terminal.bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[status]}"),
            TimeRemainingColumn(),
        )
        self.expect(cells)

    def expect(self, cells: Sequence[Cell]) -> None:
        """Number cells; a search knows some of its own only later."""
        for cell in cells:
            self.numbers.setdefault(cell.key, len(self.numbers) + 1)

    def cell_starts(self, cell: Cell) -> None:
        """Show it in a bar."""
        kind = _kind(cell)
        if kind not in self.bars:
            self.bars[kind] = _Bar(self.progress.add_task("", status="starting"))
        self.bars[kind].cells[cell.key] = cell
        self.bars[kind].epochs[cell.key] = 0
        self._refresh(self.bars[kind])

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        """Move its bar on."""
        bar = self.bars[_kind(cell)]
        bar.epochs[cell.key] = record["epoch"]
        watched = record.get("validation_error", record.get("train_error", float("nan")))
        part = "validation" if "validation_error" in record else "training"
        status = f"loss {record['train_loss']:.4f}, {part} error {watched:.2f} %"
        self.progress.update(bar.task, status=status)
        self._refresh(bar)

    def cell_ends(self, cell: Cell, result: dict[str, Any], *, fresh: bool) -> None:
        """Print the cell's result."""
        self.results[cell.key] = result
        self._drop(cell)
        if fresh:
            self.terminal.say(
                f"{self._heading(cell)}: {_error(cell, result)},"
                f" training error {result['train_error']:.2f} %, {result['seconds']:.1f} s"
            )

    def cell_fails(self, cell: Cell, message: str, *, fresh: bool) -> None:
        """Print why."""
        self._drop(cell)
        self.failures[cell.key] = message
        self.failed_before += not fresh
        when = "failed" if fresh else "failed earlier"
        self.terminal.fail(f"[red]{when}[/] {escape(cell.title)}: {escape(message)}")

    def says(self, message: str) -> None:
        """Print it."""
        self.terminal.say(f"[yellow]{escape(message)}[/]")

    def _heading(self, cell: Cell) -> str:
        return escape(f"[{self.numbers[cell.key]}/{len(self.numbers)}] {cell.title}")

    def _refresh(self, bar: _Bar) -> None:
        cells = list(bar.cells.values())
        first = cells[0]
        heading = self._heading(first)
        if len(cells) > 1:
            heading = escape(f"{' / '.join(_kind(first))}, {len(cells)} cells together")
        total = sum(cell.train.epochs for cell in cells)
        done = sum(bar.epochs.values())
        self.progress.update(bar.task, description=heading, total=total, completed=done)

    def _drop(self, cell: Cell) -> None:
        """Take a cell out of its bar, and the last one's bar away."""
        bar = self.bars.get(_kind(cell))
        if bar is None or bar.cells.pop(cell.key, None) is None:
            return
        del bar.epochs[cell.key]
        if bar.cells:
            self._refresh(bar)
        else:
            self.progress.remove_task(self.bars.pop(_kind(cell)).task)


def _error(cell: Cell, result: dict[str, Any]) -> str:
    """Return what a cell is judged by: of one that a search tries, never the test part."""
    tried = cell.search is not None and not cell.search.final
    part = "validation" if tried else "test"
    when = "" if cell.selection == "last" else " at the last epoch"
    return f"{part} error{when} [bold]{result[f'{part}_error']:.2f} %[/]"


def _kind(cell: Cell) -> tuple[str, str]:
    """Return the labels of data set and model."""
    return cell.dataset.label, cell.model.label
