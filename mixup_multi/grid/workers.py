"""The driver of several worker processes: hands out cells, hears what happens, replaces the dead.

Each worker has a pipe of its own, since a queue that they share is left locked by one that is
killed. A cell whose worker dies is taken up again, from its last checkpoint, by the next free
one; after `DEATHS` deaths it is recorded as failed. Which process may run a cell is still
decided by the cell's lock, so that several drivers can share an output folder.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.connection import Connection, wait

import torch

from mixup_multi.errors import OutputError
from mixup_multi.grid.attempt import Outcome
from mixup_multi.grid.locks import locked
from mixup_multi.grid.processes import deaf_to_ctrl_c
from mixup_multi.grid.shelf import Site
from mixup_multi.grid.store import CellFolder
from mixup_multi.grid.watcher import Watcher
from mixup_multi.grid.worker import Message, serve
from mixup_multi.recipe.expand import Cell

DEATHS = 3
POLL_SECONDS = 0.5
Settle = Callable[[Cell, Outcome], object]


class Worker:
    """A worker process as the driver sees it.

    Attributes:
        cell: what it is attempting; None where it is free.
        started: whether it has begun to run that cell.
    """

    def __init__(self, site: Site, threads: int, *, retry: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection: Connection[Cell | None, Message]
        self.connection, theirs = context.Pipe()
        self.cell: Cell | None = None
        self.started = False
        self.process = context.Process(
            target=serve,
            args=(theirs, site, threads),
            kwargs={"retry": retry},
            daemon=site.devices == 1,  # a daemon may not start processes that help it
        )
        with deaf_to_ctrl_c():
            self.process.start()
        theirs.close()  # so that the pipe ends with the process

    def give(self, cell: Cell) -> None:
        """Hand it a cell; if it has just died, its pipe will say so."""
        self.cell, self.started = cell, False
        try:
            self.connection.send(cell)
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
    """Gives cells to workers until all are settled."""

    def __init__(self, cells: Sequence[Cell], site: Site, watcher: Watcher, settle: Settle) -> None:
        self.waiting = deque(cells)
        self.elsewhere: list[Cell] = []
        self.site = site
        self.watcher = watcher
        self.settle = settle
        self.crew: dict[int, Worker] = {}
        self.deaths: Counter[str] = Counter()
        self.false_starts = 0
        self.next_look = 0.0

    def run(self, jobs: int, *, retry: bool) -> None:
        """Run all cells in `jobs` processes.

        Each has its share of the cores, and its turn of the GPUs where there are any.

        Raises:
            MixupMultiError: nothing can be written, or processes end as they begin.
        """
        threads = max(1, min(torch.get_num_threads(), _cores() // (jobs * self.site.devices)))
        try:
            while self._unsettled():
                for number in range(jobs):
                    if self.waiting and number not in self.crew:
                        site = replace(self.site, device=_device(self.site.device, number))
                        self.crew[number] = Worker(site, threads, retry=retry)
                    if self.waiting and self.crew[number].cell is None:
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
        working = any(worker.cell is not None for worker in self.crew.values())
        return working or bool(self.waiting or self.elsewhere)

    def _hear(self, number: int) -> None:
        """Take in all that a worker has said, also its last words."""
        worker = self.crew[number]
        try:
            while worker.connection.poll():
                self._take_in(worker, worker.connection.recv())
        except (EOFError, ConnectionError):
            del self.crew[number]
            said = worker.last_words()
            worker.end()
            if worker.cell is not None:
                self._after_death(worker.cell, said, started=worker.started)

    def _take_in(self, worker: Worker, message: Message) -> None:
        cell = worker.cell
        if message.kind == "stop":
            raise message.content
        if message.kind == "says" or cell is None:
            self.watcher.says(str(message.content))
        elif message.kind == "starts":
            worker.started, self.false_starts = True, 0
            self.watcher.cell_starts(cell)
        elif message.kind == "epoch":
            self.watcher.epoch_ends(cell, message.content)
        else:
            worker.cell = None
            if message.content.kind == "busy":
                self.elsewhere.append(cell)
            else:
                self.settle(cell, message.content)

    def _after_death(self, cell: Cell, said: str, *, started: bool) -> None:
        if started:
            self.deaths[cell.key] += 1
        else:
            self.false_starts += 1
        if self.false_starts >= DEATHS:
            raise OutputError(f"worker processes end as they begin; the last {said}")
        if self.deaths[cell.key] < DEATHS:
            self.watcher.says(f"the process that ran {cell.title} {said}; it is taken up again")
            self.waiting.appendleft(cell)
            return
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
