"""The driver of several worker processes: hands out teams, hears what happens, replaces the dead.

Each worker has a pipe of its own, since a queue that they share is left locked by one that is
killed. A cell whose worker dies is taken up again by the next free one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from dataclasses import replace
from multiprocessing.connection import Connection, wait

import torch

from mixup_multi.grid.cells.child_process import deaf_to_ctrl_c
from mixup_multi.grid.cells.teams import Team
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.processes.docket import POLL_SECONDS, Docket, Post
from mixup_multi.grid.processes.worker import Message, serve


class Worker(Post):
    """A worker process as the driver sees it."""

    def __init__(self, site: Site, threads: int, *, retry: bool, cohorts: bool) -> None:
        super().__init__()
        context = multiprocessing.get_context("spawn")
        self.connection: Connection[Team | None, Message]
        self.connection, theirs = context.Pipe()
        self.process = context.Process(
            target=serve,
            args=(theirs, site, threads),
            kwargs={"retry": retry, "cohorts": cohorts},
            daemon=site.devices == 1,  # a daemon may not start processes that help it
        )
        with deaf_to_ctrl_c():
            self.process.start()
        theirs.close()  # so that the pipe ends with the process

    def give(self, team: Team) -> None:
        """Hand it a team; if it has just died, its pipe will say so."""
        self.take(team)
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

    def __init__(self, docket: Docket) -> None:
        self.docket = docket
        self.crew: dict[int, Worker] = {}

    def run(self, jobs: int, *, retry: bool, cohorts: bool) -> None:
        """Run all teams in `jobs` processes.

        Each has its share of the cores, and its turn of the GPUs where there are any.

        Raises:
            MixupMultiError: nothing can be written, or processes end as they begin.
        """
        self.docket.divide(jobs)
        whole, waiting = self.docket.site, self.docket.waiting
        threads = max(1, min(torch.get_num_threads(), _cores() // (jobs * whole.devices)))
        try:
            while self.docket.unsettled(self.crew.values()):
                for number in range(jobs):
                    if waiting and number not in self.crew:
                        site = replace(whole, device=_device(whole.device, number))
                        self.crew[number] = Worker(site, threads, retry=retry, cohorts=cohorts)
                    if waiting and self.crew[number].team is None:
                        self.crew[number].give(waiting.popleft())
                wait([worker.connection for worker in self.crew.values()], POLL_SECONDS)
                for number in list(self.crew):
                    self._hear(number)
        finally:
            for worker in self.crew.values():
                worker.end()

    def _hear(self, number: int) -> None:
        """Take in all that a worker has said, also its last words."""
        worker = self.crew[number]
        try:
            while worker.connection.poll():
                self.docket.take_in(worker, worker.connection.recv())
        except (EOFError, ConnectionError):
            del self.crew[number]
            said = worker.last_words()
            worker.end()
            self.docket.bury(worker, said)


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
