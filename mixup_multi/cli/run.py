"""`mixup-multi run`: progress while it trains, one table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from mixup_multi.cli.plan import Planned, distinct_cells, output_folder, plan
from mixup_multi.cli.progress import TerminalWatcher
from mixup_multi.cli.results import print_results
from mixup_multi.cli.searches import chosen_lines, search_lines
from mixup_multi.engine.memory import pick_device
from mixup_multi.errors import WriteError
from mixup_multi.grid.recipes import keep_recipe
from mixup_multi.grid.run import run_cells
from mixup_multi.grid.search import Decision, Ran, choose
from mixup_multi.grid.shelf import Site
from mixup_multi.recipe.expand import Cell


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
        cohorts: whether cells may train together.
        command: as it was given, for reports.
    """

    data: Path
    out: Path | None
    device: str
    skip_missing: bool = False
    jobs: int = 1
    retry: bool = False
    cohorts: bool = True
    command: str = ""


def run_recipes(names: Sequence[str], assignments: Sequence[str], options: RunOptions) -> int:
    """Run recipes and return the exit code: 0, 2 where cells failed, 130 after Ctrl-C."""
    planned = plan(names, assignments)
    cells = distinct_cells(planned)
    out = output_folder(options.out, planned)
    for item in planned:
        keep_recipe(out, item.name, item.recipe, item.cells, options.command, item.text)
    console = Console()
    watcher = TerminalWatcher(console, cells)
    runner = _Runner(Site(options.data, out, pick_device(options.device)), watcher, options)
    try:
        with watcher.progress:
            chosen = _run_all(planned, cells, runner)
    except KeyboardInterrupt:
        known = len(watcher.numbers)
        done = f"{len(watcher.results)} of {known} cells are done and kept in {out}"
        _say(console, f"\nStopped. {done}. To go on, run the same command again.")
        return 130
    except WriteError as error:
        raise WriteError(
            f"stopped: {error}. What is done is kept; the same command goes on with it."
        ) from error
    for item, choices in zip(planned, chosen, strict=True):
        found = [cell for choice in choices for cell in choice.cells]
        print_results(console, item.recipe, [*item.cells, *found], watcher.results, out)
        for line in (*search_lines(item.units), *chosen_lines(choices)):
            _say(console, f"  {escape(line)}")
    _say(console, f"{len(watcher.results)} cells in {out}")
    if runner.failed:
        _say(console, _failures(list(runner.failed.values()), watcher.failed_before))
    return 2 if runner.failed else 0


class _Runner:
    """Runs cells as the options say, and remembers which failed."""

    def __init__(self, site: Site, watcher: TerminalWatcher, options: RunOptions) -> None:
        self.site = site
        self.watcher = watcher
        self.options = options
        self.failed: dict[str, Cell] = {}

    def __call__(self, cells: Sequence[Cell]) -> Ran:
        """Run `cells`, and return what has come of all so far."""
        self.watcher.expect(cells)
        failed = run_cells(
            cells,
            self.site,
            self.watcher,
            jobs=self.options.jobs,
            skip_missing=self.options.skip_missing,
            retry=self.options.retry,
            cohorts=self.options.cohorts,
        )
        self.failed.update((cell.key, cell) for cell in failed)
        return Ran(self.watcher.results, frozenset(self.failed))


def _run_all(
    planned: Sequence[Planned], cells: Sequence[Cell], runner: _Runner
) -> list[list[Decision]]:
    """Run cells, searches and what follows from these; return each recipe's choices."""
    units = [unit for item in planned for unit in item.units]
    choices = choose(units, runner.site.out, runner, cells)
    for choice in choices:
        if not choice.cells:
            runner.watcher.says(f"left out: {choice.unit.title}: no point of its search has ended")
    following = [cell for choice in choices for cell in choice.cells]
    if following:
        runner(following)
    rest = iter(choices)
    return [[next(rest) for _ in item.units] for item in planned]


def _failures(failed: Sequence[Cell], before: int) -> str:
    said = f"[red]{len(failed)} cells failed[/]"
    if before:
        said += f", {before} of them in an earlier run (--retry failed runs them again)"
    return f"{said}; tracebacks: failure.json in their folders"


def _say(console: Console, text: str) -> None:
    console.print(text, highlight=False, soft_wrap=True)
