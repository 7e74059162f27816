"""A worker process: it attempts the teams that the driver names and tells what happens."""

from __future__ import annotations

import os
import signal
import threading
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any, Literal

import torch

from mixup_multi.errors import MixupMultiError
from mixup_multi.grid.attempt import Attempt, Outcome
from mixup_multi.grid.shelf import Shelf, Site
from mixup_multi.grid.teams import Team
from mixup_multi.grid.watcher import logged_to
from mixup_multi.recipe.expand import Cell


@dataclass(frozen=True)
class Message:
    """What a worker tells its driver: a call of the watcher, a cell's outcome, why all stop, ...

    `free` says that all that can be said of the team has been said.
    """

    kind: Literal["starts", "epoch", "says", "outcome", "stop", "free"]
    cell: Cell | None = None
    content: Any = None


class Telling:
    """A listener that passes on what it is told."""

    def __init__(self, connection: Connection[Message, Team | None]) -> None:
        self.connection = connection

    def cell_starts(self, cell: Cell) -> None:
        """Pass it on."""
        self.connection.send(Message("starts", cell))

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        """Pass it on."""
        self.connection.send(Message("epoch", cell, record))

    def says(self, message: str) -> None:
        """Pass it on."""
        self.connection.send(Message("says", content=message))

    def outcome(self, cell: Cell, outcome: Outcome) -> None:
        """Tell what came of a cell."""
        self.connection.send(Message("outcome", cell, outcome))


def serve(
    connection: Connection[Message, Team | None],
    site: Site,
    threads: int,
    *,
    retry: bool,
    cohorts: bool,
) -> None:
    """Attempt the teams that come through `connection` until a None comes, or the driver ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
    threading.Thread(target=_end_with_driver, daemon=True).start()
    torch.set_num_threads(threads)
    if site.device.type == "cuda":
        torch.cuda.set_device(site.device)
    telling = Telling(connection)
    attempt = Attempt(site, Shelf(site), telling, telling.outcome, retry, cohorts)
    with logged_to(telling), suppress(EOFError, ConnectionError):  # the driver is gone
        while (team := connection.recv()) is not None:
            try:
                attempt.run(team)
                connection.send(Message("free"))
            except MixupMultiError as error:
                connection.send(Message("stop", content=error))
                return


def _end_with_driver() -> None:
    """End at once when the driver is gone, however it went: nobody would know of this process."""
    driver = parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)
