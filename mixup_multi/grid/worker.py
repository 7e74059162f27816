"""A worker process: it attempts the cells that the driver names and tells what happens."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import torch

from mixup_multi.errors import MixupMultiError
from mixup_multi.grid.attempt import Outcome, attempt
from mixup_multi.grid.processes import follow_parent
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

    def __init__(self, connection: Connection[Message, Cell | None]) -> None:
        self.connection = connection

    def cell_starts(self, cell: Cell) -> None:  # noqa: ARG002
        """Pass it on."""
        self.connection.send(Message("starts"))

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:  # noqa: ARG002
        """Pass it on."""
        self.connection.send(Message("epoch", record))

    def says(self, message: str) -> None:
        """Pass it on."""
        self.connection.send(Message("says", message))

    def outcome(self, outcome: Outcome) -> None:
        """Tell what came of the cell."""
        self.connection.send(Message("outcome", outcome))

    def stop(self, error: MixupMultiError) -> None:
        """Tell why no cell can go on."""
        self.connection.send(Message("stop", error))


def serve(
    connection: Connection[Message, Cell | None], site: Site, threads: int, *, retry: bool
) -> None:
    """Attempt the cells that come through `connection` until a None comes, or the driver ends."""
    follow_parent()
    torch.set_num_threads(threads)
    if site.device.type == "cuda":
        torch.cuda.set_device(site.device)
    shelf, telling = Shelf(site), Telling(connection)
    with logged_to(telling), suppress(EOFError, ConnectionError):  # the driver is gone
        while (cell := connection.recv()) is not None:
            try:
                telling.outcome(attempt(cell, site, shelf, telling, retry=retry))
            except MixupMultiError as error:
                telling.stop(error)
                return
