"""Running a grid: what is done is kept, what is not is run here or by several processes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import torch

from mixup_multi.grid import index
from mixup_multi.grid.attempt import Outcome, attempt
from mixup_multi.grid.checks import DataKeys, check_cells, check_place
from mixup_multi.grid.shelf import Shelf, Site
from mixup_multi.grid.state import CellState, states_of
from mixup_multi.grid.store import check_writable
from mixup_multi.grid.watcher import Watcher, logged_to
from mixup_multi.grid.workers import Driver
from mixup_multi.recipe.expand import Cell

POLL_SECONDS = 0.5


class Tally:
    """Takes in what came of each cell: tells the watcher, writes the index, counts failures."""

    def __init__(self, site: Site, watcher: Watcher) -> None:
        self.site = site
        self.watcher = watcher
        self.failed: list[Cell] = []

    def settle(self, cell: Cell, outcome: Outcome) -> None:
        """Take in the outcome of a cell that is done or has failed."""
        if outcome.kind == "done":
            self.watcher.cell_ends(cell, outcome.result, fresh=outcome.fresh)
        else:
            self.failed.append(cell)
            self.watcher.cell_fails(cell, outcome.message, fresh=outcome.fresh)
        if outcome.fresh:
            index.update(self.site.out, [cell.folder])


def run_cells(
    cells: Sequence[Cell],
    site: Site,
    watcher: Watcher,
    *,
    jobs: int = 1,
    skip_missing: bool = False,
    retry: bool = False,
) -> list[Cell]:
    """Run every cell that is not done, and return those that failed, now or earlier.

    A cell that fails is recorded with its traceback and the others go on. A cell that another
    run on the same output folder holds is waited for, and taken over if that run dies.

    Args:
        cells: the plan.
        site: where to read, write and compute.
        watcher: is told how it goes on.
        jobs: how many processes train; with one, and one device, this process does.
        skip_missing: leave out the cells whose data is missing, saying so.
        retry: run again what failed earlier.

    Raises:
        MixupMultiError: found before training, or the output folder cannot be written.
    """
    check_writable(site.out)
    here = jobs == 1 and site.devices == 1
    shelf = Shelf(site if here else replace(site, device=torch.device("cpu")))
    tally = Tally(site, watcher)
    with logged_to(watcher):
        states = states_of(cells, site.out, DataKeys(shelf), thorough=True)
        todo = [state.cell for state in states if _to_run(state, retry=retry)]
        check_place(todo, site, jobs)
        missing = check_cells(todo, shelf)
        if missing and not skip_missing:
            raise next(iter(missing.values()))
        for message in dict.fromkeys(str(error) for error in missing.values()):
            watcher.says(f"left out: {message}")
        for state in states:
            if not _to_run(state, retry=retry):
                tally.settle(state.cell, _earlier(state))
        todo = [cell for cell in todo if cell.key not in missing]
        if here:
            run_here(todo, site, shelf, watcher, tally.settle, retry=retry)
        else:
            Driver(todo, site, watcher, tally.settle).run(jobs, retry=retry)
    return tally.failed


def _to_run(state: CellState, *, retry: bool) -> bool:
    return state.state != "done" and (retry or state.state != "failed")


def _earlier(state: CellState) -> Outcome:
    """Return what came of a cell in an earlier run."""
    if state.result is not None:
        return Outcome("done", dict(state.result), fresh=False)
    return Outcome("failed", message=state.reason, fresh=False)


def run_here(
    cells: Sequence[Cell],
    site: Site,
    shelf: Shelf,
    watcher: Watcher,
    settle: Callable[[Cell, Outcome], Any],
    *,
    retry: bool,
) -> None:
    """Run cells one after the other in this process, those that others hold last."""
    waiting, told = list(cells), False
    while waiting:
        busy = []
        for cell in waiting:
            outcome = attempt(cell, site, shelf, watcher, retry=retry)
            if outcome.kind == "busy":
                busy.append(cell)
            else:
                settle(cell, outcome)
        if len(busy) == len(waiting):
            if not told:
                watcher.says(f"waiting for {len(busy)} cells that another run is working on")
            told = True
            time.sleep(POLL_SECONDS)
        waiting = busy
