"""The processes that help to train one cell on several devices.

The process that attempts the cell is rank 0: it holds the lock, and it alone evaluates and writes.
For each cell it starts the others, which end with it, however it ends. Where one of them is
killed, rank 0 ends too, as it might wait for ever; the driver then takes the cell up again from
its last checkpoint.
"""

from __future__ import annotations

import multiprocessing
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from multiprocessing.connection import Connection, wait

import torch

from mixup_multi.engine import loop
from mixup_multi.engine.ranks import ALONE, Ranks
from mixup_multi.grid.cells.cell import job_of
from mixup_multi.grid.cells.child_process import follow_parent
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.recipe.cell import Cell

GRACE_SECONDS = 10.0
"""How long rank 0 may take to notice that a helper has failed, and a helper to end."""

READY = ""
"""What a helper says when it can begin; anything else is why it cannot go on."""


@contextmanager
def helped(cell: Cell, site: Site) -> Iterator[Ranks]:
    """Start the other processes of a cell, and yield this one's place: rank 0."""
    if site.devices == 1:
        yield ALONE
        return
    helpers = Helpers(cell, site)
    try:
        helpers.wait_until_ready()
        yield helpers.ranks
    except Exception as error:
        helpers.explain(error)
        helpers.end(0)
        raise
    helpers.end(GRACE_SECONDS)


class Helpers:
    """Ranks 1, 2, ... of a cell's ranks, as rank 0 sees them."""

    def __init__(self, cell: Cell, site: Site) -> None:
        context = multiprocessing.get_context("spawn")
        self.ranks = Ranks(0, site.devices, _free_port())
        self._over = threading.Event()
        self._said: list[Connection[None, str]] = []
        self._processes = []
        for rank in range(1, site.devices):
            ours, theirs = context.Pipe(duplex=False)
            place = replace(self.ranks, rank=rank)
            there = replace(site, device=_device(site.device, rank))
            process = context.Process(
                name=f"rank {rank}",
                target=_help,
                args=(cell, there, place, torch.get_num_threads(), theirs),
                daemon=True,
            )
            process.start()
            theirs.close()
            self._said.append(ours)
            self._processes.append(process)
        threading.Thread(target=self._watch, daemon=True).start()

    def wait_until_ready(self) -> None:
        """Wait until all have their data and their model.

        Raises:
            RuntimeError: one has failed to; it says why.
        """
        for process, said in zip(self._processes, self._said, strict=True):
            with suppress(EOFError, ConnectionError):  # it was killed: see `explain`
                if why := said.recv():
                    raise RuntimeError(f"{process.name}: {why}")
                continue
            raise RuntimeError(f"{process.name} has ended")

    def explain(self, error: Exception) -> None:
        """Add to an error of rank 0 what the others said; end this process if one was killed."""
        wait([process.sentinel for process in self._processes], 1.0)
        for process, said in zip(self._processes, self._said, strict=True):
            with suppress(EOFError, ConnectionError):
                if said.poll():
                    error.args = (f"{error} ({process.name}: {said.recv()})",)
        if any((process.exitcode or 0) < 0 for process in self._processes):
            os._exit(1)

    def end(self, patience: float) -> None:
        """End them; they are given `patience` seconds to do so themselves."""
        self._over.set()
        for process, said in zip(self._processes, self._said, strict=True):
            process.join(patience)
            if process.is_alive():
                process.kill()
                process.join()
            said.close()

    def _watch(self) -> None:
        """End this process where it does not notice by itself that a helper has failed."""
        waiting = {int(process.sentinel): process for process in self._processes}
        while waiting and not self._over.is_set():
            ended = wait(list(waiting), GRACE_SECONDS)
            for process in [waiting.pop(at) for at in list(waiting) if at in ended]:
                process.join()
                if process.exitcode and not self._over.wait(GRACE_SECONDS):
                    os._exit(1)


def _help(
    cell: Cell, site: Site, ranks: Ranks, threads: int, telling: Connection[str, None]
) -> None:
    """Train a cell together with rank 0, which has its checkpoint; write nothing."""
    follow_parent()
    torch.set_num_threads(threads)
    if site.device.type == "cuda":
        torch.cuda.set_device(site.device)
    code = 1
    try:
        job = job_of(cell, Shelf(site).get(cell), site, CellFolder.of(site.out, cell), ranks)
        state = loop.start(job)
        telling.send(READY)
        loop.run(job, state)
        code = 0
    except Exception as error:
        with suppress(OSError):  # rank 0 is gone
            telling.send(f"{type(error).__name__}: {error}")
    os._exit(code)  # nothing is left to do, and processes may wait for this one


def _device(device: torch.device, rank: int) -> torch.device:
    return torch.device(device.type, rank) if device.type == "cuda" else device


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
