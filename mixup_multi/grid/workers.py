"""The driver of several worker processes: hands out teams, hears what happens, replaces the dead.

Each worker has a pipe of its own, since a queue that they share is left locked by one that is
killed. A cell whose worker dies is taken up again, from its last checkpoint, by the next free
one; after `DEATHS` deaths it is recorded as failed. Which process may run a cell is still
decided by the cell's lock, so that several drivers can share an output folder.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait

import torch

from mixup_multi.errors import OutputError
from mixup_multi.grid.attempt import Outcome, Settle
from mixup_multi.grid.locks import locked
from mixup_multi.grid.shelf import Site
from mixup_multi.grid.store import CellFolder
from mixup_multi.grid.teams import Team
from mixup_multi.grid.watcher import Watcher
from mixup_multi.grid.worker import Message, serve
from mixup_multi.recipe.expand import Cell

DEATHS = 3
POLL_SECONDS = 0.5


class Worker:
    """A worker process as the driver sees it.

    Attributes:
        team: those of its cells that nothing has come of yet, by key; None where it is free.
        started: the keys of those that it has begun to run.
    """

    def __init__(self, site: Site, threads: int, *, retry: bool, cohorts: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection: Connection[Team | None, Message]
        self.connection, theirs = context.Pipe()
        self.team: dict[str, Cell] | None = None
        self.started: set[str] = set()
        self.process = context.Process(
            target=serve,
            args=(theirs, site, threads),
            kwargs={"retry": retry, "cohorts": cohorts},
            daemon=True,
        )
        with _deaf_to_ctrl_c():
            self.process.start()
        theirs.close()  # so that the pipe ends with the process

    def give(self, team: Team) -> None:
        """Hand it a team; if it has just died, its pipe will say so."""
        self.team, self.started = {cell.key: cell for cell in team}, set()
        try:
            self.connection.send(team)
        except OSError:
            return

    def end(self) -> None:
        """End the process; a cell that it was running keeps its checkpoint."""
        self.process.terminate()
        self.process.join(5)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.connection.close()

    def last_words(self) -> str:
        """Return how the process ended."""
        self.process.join(5)
        code = self.process.exitcode or 0
        return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with {code}"


class Driver:
    """Gives teams to workers until all their cells are settled."""

    def __init__(self, teams: Sequence[Team], site: Site, watcher: Watcher, settle: Settle) -> None:
        self.waiting = deque(teams)
        self.elsewhere: list[Team] = []
        self.site = site
        self.watcher = watcher
        self.settle = settle
        self.crew: dict[int, Worker] = {}
        self.busy: dict[int, list[Cell]] = defaultdict(list)
        self.deaths: Counter[str] = Counter()
        self.false_starts = 0
        self.next_look = 0.0

    def run(self, jobs: int, *, retry: bool, cohorts: bool) -> None:
        """Run all teams in `jobs` processes.

        Each has its share of the cores, and its turn of the GPUs where there are any.

        Raises:
            MixupMultiError: nothing can be written, or processes end as they begin.
        """
        threads = max(1, min(torch.get_num_threads(), _cores() // jobs))
        try:
            while self._unsettled():
                for number in range(jobs):
                    if self.waiting and number not in self.crew:
                        site = replace(self.site, device=_device(self.site.device, number))
                        self.crew[number] = Worker(site, threads, retry=retry, cohorts=cohorts)
                    if self.waiting and self.crew[number].team is None:
                        self.crew[number].give(self.waiting.popleft())
                wait([worker.connection for worker in self.crew.values()], POLL_SECONDS)
                for number in list(self.crew):
                    self._hear(number)
        finally:
            for worker in self.crew.values():
                worker.end()

    def _unsettled(self) -> bool:
        """Return whether cells are left, having put those to look at again among the waiting."""
        if not self.waiting and self.elsewhere and time.monotonic() >= self.next_look:
            self.waiting.extend(self.elsewhere)
            self.elsewhere.clear()
            self.next_look = time.monotonic() + POLL_SECONDS
        working = any(worker.team is not None for worker in self.crew.values())
        return working or bool(self.waiting or self.elsewhere)

    def _hear(self, number: int) -> None:
        """Take in all that a worker has said, also its last words."""
        worker = self.crew[number]
        try:
            while worker.connection.poll():
                self._take_in(number, worker.connection.recv())
        except (EOFError, ConnectionError):
            del self.crew[number]
            said = worker.last_words()
            worker.end()
            if worker.team is not None:
                self._after_death(worker, said)
            self._put_off(number)

    def _take_in(self, number: int, message: Message) -> None:
        worker, cell = self.crew[number], message.cell
        if message.kind == "stop":
            raise message.content
        if message.kind == "free":
            worker.team = None
            self._put_off(number)
        elif message.kind == "says" or cell is None or worker.team is None:
            self.watcher.says(str(message.content))
        elif message.kind == "starts":
            worker.started.add(cell.key)
            self.false_starts = 0
            self.watcher.cell_starts(cell)
        elif message.kind == "epoch":
            self.watcher.epoch_ends(cell, message.content)
        else:
            del worker.team[cell.key]
            if message.content.kind == "busy":
                self.busy[number].append(cell)
            else:
                self.settle(cell, message.content)

    def _put_off(self, number: int) -> None:
        """Keep together what of a team others are working on, to look at it again."""
        if busy := self.busy.pop(number, None):
            self.elsewhere.append(tuple(busy))

    def _after_death(self, worker: Worker, said: str) -> None:
        """Take up again the cells that a worker was running, one by one before they are given up.

        Those of a team die together, though one of them alone may be to blame.
        """
        team = tuple((worker.team or {}).values())
        running = [cell for cell in team if cell.key in worker.started]
        self.false_starts += not running
        if self.false_starts >= DEATHS:
            raise OutputError(f"worker processes end as they begin; the last {said}")
        self.deaths.update(cell.key for cell in running)
        deaths = max((self.deaths[cell.key] for cell in running), default=0)
        if deaths >= DEATHS:
            for cell in running:
                self._give_up(cell, said)
            team = tuple(cell for cell in team if cell.key not in worker.started)
        elif running:
            what = running[0].title if len(running) == 1 else f"{len(running)} cells"
            again = "it is" if len(running) == 1 else "they are"
            self.watcher.says(f"the process that ran {what} {said}; {again} taken up again")
        teams = [(cell,) for cell in team] if deaths == DEATHS - 1 else [team]
        self.waiting.extendleft(team for team in reversed(teams) if team)

    def _give_up(self, cell: Cell, said: str) -> None:
        message = f"{DEATHS} processes that ran it died, the last {said}; out of memory?"
        with locked(self.site.out, cell.folder) as mine:
            if mine:
                CellFolder.of(self.site.out, cell).fail(message, traceback="")
        self.settle(cell, Outcome("failed", message=message))


def _device(device: torch.device, number: int) -> torch.device:
    """Return a worker's device: its turn of the GPUs where none in particular was asked for."""
    if device.type != "cuda" or device.index is not None:
        return device
    return torch.device("cuda", number % torch.cuda.device_count())


def _cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """Start processes that do not hear Ctrl-C, from their first moment on."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
