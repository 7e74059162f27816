"""`mixup-multi run`: progress while it trains, one table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console

from mixup_multi.cli.plan import Planned, distinct_cells, output_folder, plan
from mixup_multi.cli.progress import TerminalWatcher
from mixup_multi.cli.table import print_tables
from mixup_multi.engine.memory import pick_device
from mixup_multi.errors import WriteError
from mixup_multi.grid.run import run_cells
from mixup_multi.grid.shelf import Site
from mixup_multi.recipe.expand import Cell
from mixup_multi.report.tables import Finished


@dataclass(frozen=True)
class RunOptions:
    """The options of the command.

    Attributes:
        data: the data root.
        out: the output folder; None for `runs/` and the first recipe's name.
        device: as given.
        skip_missing: leave out cells whose data is missing.
        jobs: how many processes train.
        retry: run again what failed earlier.
        devices: on how many devices each cell trains.
    """

    data: Path
    out: Path | None
    device: str
    skip_missing: bool = False
    jobs: int = 1
    retry: bool = False
    devices: int = 1


def run_recipes(names: Sequence[str], assignments: Sequence[str], options: RunOptions) -> int:
    """Run recipes and return the exit code: 0, 2 where cells failed, 130 after Ctrl-C."""
    planned = plan(names, assignments)
    cells = distinct_cells(planned)
    out = output_folder(options.out, planned)
    console = Console()
    watcher = TerminalWatcher(console, cells)
    try:
        with watcher.progress:
            failed = run_cells(
                cells,
                Site(options.data, out, pick_device(options.device), options.devices),
                watcher,
                jobs=options.jobs,
                skip_missing=options.skip_missing,
                retry=options.retry,
            )
    except KeyboardInterrupt:
        done = f"{len(watcher.results)} of {len(cells)} cells are done and kept in {out}"
        _say(console, f"\nStopped. {done}. To go on, run the same command again.")
        return 130
    except WriteError as error:
        raise WriteError(
            f"stopped: {error}. What is done is kept; the same command goes on with it."
        ) from error
    for item in planned:
        print_tables(console, item.recipe, finished_cells(item, watcher.results))
    _say(console, f"{len(watcher.results)} cells in {out}")
    if failed:
        _say(console, _failures(failed, watcher.failed_before))
    return 2 if failed else 0


def _failures(failed: Sequence[Cell], before: int) -> str:
    said = f"[red]{len(failed)} cells failed[/]"
    if before:
        said += f", {before} of them in an earlier run (--retry failed runs them again)"
    return f"{said}; tracebacks: failure.json in their folders"


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)


def finished_cells(item: Planned, results: dict[str, dict[str, Any]]) -> list[Finished]:
    """Return what the table needs of a recipe's cells that are done."""
    return [
        Finished(
            dataset=cell.dataset.label,
            model=cell.model.label,
            method=cell.method.label,
            test_error=results[cell.key]["test_error"],
            paper=cell.paper,
            notes=tuple(results[cell.key]["notes"]),
        )
        for cell in item.cells
        if cell.key in results
    ]
