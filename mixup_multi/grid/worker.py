"""A worker process: it attempts the cells that the driver names and tells what happens."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import parent_process
from multiprocessing.connection import Connection
from typing import Any, Literal

import torch

from mixup_multi.errors import MixupMultiError
from mixup_multi.grid.attempt import Outcome, attempt
from mixup_multi.grid.shelf import Shelf, Site
from mixup_multi.grid.watcher import logged_to
from mixup_multi.recipe.expand import Cell


@dataclass(frozen=True)
class Message:
    """What a worker tells its driver: a call of the watcher, a cell's outcome, or why all stop."""

    kind: Literal["starts", "epoch", "says", "outcome", "stop"]
    content: Any = None


class Telling:
    """A listener that passes on what it is told; the driver knows which cell it is about."""

    def __init__(self, send: Callable[[Message], object]) -> None:
        self.send = send

    def cell_starts(self, cell: Cell) -> None:  # noqa: ARG002
        """Pass it on."""
        self.send(Message("starts"))

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:  # noqa: ARG002
        """Pass it on."""
        self.send(Message("epoch", record))

    def says(self, message: str) -> None:
        """Pass it on."""
        self.send(Message("says", message))

    def outcome(self, outcome: Outcome) -> None:
        """Tell what came of the cell."""
        self.send(Message("outcome", outcome))

    def stop(self, error: MixupMultiError) -> None:
        """Tell why no cell can go on."""
        self.send(Message("stop", error))


def attempt_and_tell(cell: Cell, shelf: Shelf, telling: Telling, *, retry: bool) -> bool:
    """Attempt a cell, tell what came of it, and return whether other cells can go on."""
    try:
        telling.outcome(attempt(cell, shelf.site, shelf, telling, retry=retry))
    except MixupMultiError as error:
        telling.stop(error)
        return False
    return True


def serve(
    connection: Connection[Message, Cell | None], site: Site, threads: int, *, retry: bool
) -> None:
    """Attempt the cells that come through `connection` until a None comes, or the driver ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the driver's to answer
    threading.Thread(target=_end_with_driver, daemon=True).start()
    torch.set_num_threads(threads)
    if site.device.type == "cuda":
        torch.cuda.set_device(site.device)
    shelf, telling = Shelf(site), Telling(connection.send)
    with logged_to(telling), suppress(EOFError, ConnectionError):  # the driver is gone
        while (cell := connection.recv()) is not None:
            if not attempt_and_tell(cell, shelf, telling, retry=retry):
                return


def _end_with_driver() -> None:
    """End at once when the driver is gone, however it went: nobody would know of this process."""
    driver = parent_process()
    if driver is not None:
        driver.join()
        os._exit(1)
