"""Running a grid: what is done is kept, what is not is run here or by several processes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from mixup_multi.grid.cells.attempt import Attempt, Outcome, Settle
from mixup_multi.grid.cells.cohorts import begun, forget_complete
from mixup_multi.grid.cells.teams import Plan, Team
from mixup_multi.grid.cells.watcher import Watcher, logged_to
from mixup_multi.grid.checks import DataKeys, check_cells, check_place
from mixup_multi.grid.folder import index
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.grid.folder.store import check_writable
from mixup_multi.grid.processes.docket import Docket
from mixup_multi.grid.processes.ray_driver import RayDriver, RayOptions
from mixup_multi.grid.processes.workers import Driver
from mixup_multi.grid.protocol import record as protocol
from mixup_multi.grid.state import CellState, states_of
from mixup_multi.recipe.cell import Cell

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
    cohorts: bool = True,
    ray: RayOptions | None = None,
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
        cohorts: whether cells may train together where they can.
        ray: the cluster that trains, instead of processes of this machine.

    Raises:
        MixupMultiError: found before training, or the output folder cannot be written.
    """
    check_writable(site.out)
    here = jobs == 1 and site.devices == 1 and ray is None
    cohorts = cohorts and site.devices == 1
    shelf = Shelf(site if here else replace(site, device=torch.device("cpu")))
    tally = Tally(site, watcher)
    with logged_to(watcher):
        protocol.tell(site.out, cells)
        states = states_of(cells, site.out, DataKeys(shelf), thorough=True)
        todo = [state.cell for state in states if _to_run(state, retry=retry)]
        check_place(todo, site, jobs)
        checked = check_cells(todo, shelf)
        if checked.missing and not skip_missing:
            raise next(iter(checked.missing.values()))
        for message in dict.fromkeys(str(error) for error in checked.missing.values()):
            watcher.says(f"left out: {message}")
        for state in states:
            if not _to_run(state, retry=retry):
                tally.settle(state.cell, _earlier(state))
        wanted = {cell.key for cell in todo if cell.key not in checked.missing}
        loners = checked.loners if cohorts else wanted
        plan = Plan(cells, wanted, loners, [cohort.members for cohort in begun(site.out)])
        docket = Docket(plan, site, watcher, tally.settle)
        if here:
            run_here(plan.teams(), Attempt(site, shelf, watcher, tally.settle, retry, cohorts))
        elif ray is not None:
            RayDriver(docket, ray).run(retry=retry, cohorts=cohorts)
        else:
            Driver(docket).run(jobs, retry=retry, cohorts=cohorts)
        forget_complete(site.out)
    return tally.failed


def _to_run(state: CellState, *, retry: bool) -> bool:
    return state.state != "done" and (retry or state.state != "failed")


def _earlier(state: CellState) -> Outcome:
    """Return what came of a cell in an earlier run."""
    if state.result is not None:
        return Outcome("done", dict(state.result), fresh=False)
    return Outcome("failed", message=state.reason, fresh=False)


def run_here(teams: Sequence[Team], attempt: Attempt) -> None:
    """Run teams one after the other in this process, those that others hold last."""
    told = False
    while teams:
        later = []
        for team in teams:
            busy: list[Cell] = []
            replace(attempt, settle=partial(_settle_or_keep, attempt.settle, busy)).run(team)
            if busy:
                later.append(tuple(busy))
        if later == list(teams):
            if not told:
                waiting = sum(len(team) for team in later)
                attempt.listener.says(f"waiting for {waiting} cells that another run is working on")
            told = True
            time.sleep(POLL_SECONDS)
        teams = later


def _settle_or_keep(settle: Settle, busy: list[Cell], cell: Cell, outcome: Outcome) -> None:
    if outcome.kind == "busy":
        busy.append(cell)
    else:
        settle(cell, outcome)
