"""`mixup-multi run`: progress while it trains, one table at the end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from rich.markup import escape

from mixup_multi.cli.analyses import run_analyses
from mixup_multi.cli.evaluate import evaluate_cells, print_evaluations
from mixup_multi.cli.exits import DONE, MISTAKE, code_of
from mixup_multi.cli.plan import (
    Planned,
    distinct_analyses,
    distinct_cells,
    output_folder,
    part_lines,
    plan,
)
from mixup_multi.cli.progress import TerminalWatcher
from mixup_multi.cli.results import print_results
from mixup_multi.cli.run_options import RunOptions
from mixup_multi.cli.searches import chosen_lines, search_lines
from mixup_multi.cli.summary import analysed, errors, failures, measured
from mixup_multi.cli.terminal import Terminal
from mixup_multi.engine.memory import pick_device
from mixup_multi.errors import WriteError
from mixup_multi.grid.cells.watcher import Watcher
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.processes.ray_driver import RayOptions
from mixup_multi.grid.protocol.search import Decision, Ran, choose
from mixup_multi.grid.recipes import keep_recipe
from mixup_multi.grid.run import run_cells
from mixup_multi.grid.trackers.tracker import tracked
from mixup_multi.recipe.cell import Cell


def run_recipes(
    names: Sequence[str],
    assignments: Sequence[str],
    options: RunOptions,
    terminal: Terminal,
    only: Sequence[str] = (),
) -> int:
    """Run recipes and return the exit code: 0, 2 where something failed, 130 after Ctrl-C."""
    cluster = options.cluster()
    device = pick_device(options.device if cluster is None else "cpu")
    planned = plan(names, assignments, only)
    out = output_folder(options.out, planned)
    for item in planned:
        keep_recipe(
            *(out, item.name, item.recipe, item.cells, options.command, item.text),
            *(item.analyses, item.part),
        )
    site = Site(options.data, out, device, options.devices)
    ended = Ended(DONE)
    if any(item.templates for item in planned):
        ended = _run_cells(planned, site, options, cluster, terminal)
    for line in part_lines(planned):
        terminal.say(escape(line))
    asked, code = distinct_analyses(planned), ended.code
    if asked and code in (DONE, MISTAKE):
        code = max(code, run_analyses(terminal, asked, site, skip_missing=options.skip_missing))
    terminal.answer(
        {
            "exit_code": code,
            "out": str(out),
            "recipes": [item.name for item in planned],
            "only": list(only),
            **ended.numbers,
            "analyses": analysed(asked, site),
        }
    )
    return code


@dataclass(frozen=True)
class Ended:
    """What came of all cells: the exit code, and the numbers as plain values."""

    code: int
    numbers: dict[str, Any] = field(default_factory=dict)


def _run_cells(
    planned: Sequence[Planned],
    site: Site,
    options: RunOptions,
    cluster: RayOptions | None,
    terminal: Terminal,
) -> Ended:
    """Train and evaluate all cells, and print their tables."""
    cells, out = distinct_cells(planned), site.out
    watcher = TerminalWatcher(terminal, cells)
    runner = _Runner(site, watcher, watcher, options, cluster)
    try:
        with watcher.progress, tracked(watcher, options.tracker, out) as runner.told:
            chosen = _run_all(planned, cells, runner)
        following = [cell for choices in chosen for choice in choices for cell in choice.cells]
        unmeasured = evaluate_cells(terminal, [*cells, *following], site)
    except KeyboardInterrupt as stop:
        known = len(watcher.numbers)
        done = f"{len(watcher.results)} of {known} cells are done and kept in {escape(str(out))}"
        terminal.fail(f"\nStopped. {done}. To go on, run the same command again.")
        return Ended(code_of(stop), _counts(watcher, runner))
    except WriteError as error:
        raise WriteError(
            f"stopped: {error}. What is done is kept; the same command goes on with it."
        ) from error
    results: list[dict[str, Any]] = []
    for item, choices in zip(planned, chosen, strict=True):
        found = [*item.cells, *(cell for choice in choices for cell in choice.cells)]
        shown = print_results(terminal.console, item.recipe, found, watcher.results, out)
        print_evaluations(terminal, found, out)
        for line in (*search_lines(item.units), *chosen_lines(choices)):
            terminal.say(f"  {escape(line)}")
        numbers = [*errors(shown.finished, shown.rules), *measured(found, out)]
        results += [{"recipe": item.name, **one} for one in numbers]
    terminal.say(f"{len(watcher.results)} cells in {escape(str(out))}")
    if runner.failed:
        terminal.fail(_failures(list(runner.failed.values()), watcher.failed_before))
    if unmeasured:
        said = f"[red]{unmeasured} evaluation{'s' * (unmeasured > 1)} failed[/]"
        terminal.fail(f"{said}; tracebacks: evaluations/*.failure.json in the cells' folders")
    code = MISTAKE if runner.failed or unmeasured else DONE
    counts = _counts(watcher, runner)
    return Ended(code, {**counts, "evaluations_failed": unmeasured, "results": results})


def _counts(watcher: TerminalWatcher, runner: _Runner) -> dict[str, Any]:
    """Return how many cells are planned, done and failed, and why these are."""
    failed = failures(runner.failed.values(), watcher.failures, runner.site.out)
    counts = {
        "planned": len(watcher.numbers),
        "done": len(watcher.results),
        "failed": len(failed),
    }
    return {"cells": counts, "failures": failed}


@dataclass
class _Runner:
    """Runs cells as the options say, and remembers which failed.

    Attributes:
        site: where.
        watcher: shows in the terminal how it goes on.
        told: is told it: the watcher, or one that passes it on.
        options: the command's.
        cluster: where cells run; None for this machine.
        failed: by key.
    """

    site: Site
    watcher: TerminalWatcher
    told: Watcher
    options: RunOptions
    cluster: RayOptions | None
    failed: dict[str, Cell] = field(default_factory=dict)

    def __call__(self, cells: Sequence[Cell]) -> Ran:
        """Run `cells`, and return what has come of all so far."""
        self.watcher.expect(cells)
        failed = run_cells(
            cells,
            self.site,
            self.told,
            jobs=self.options.jobs,
            skip_missing=self.options.skip_missing,
            retry=self.options.retry,
            cohorts=self.options.cohorts,
            ray=self.cluster,
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
