"""A worker process: it attempts the teams that the driver names and tells what happens."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Any, Literal

import torch

from mixup_multi.errors import MixupMultiError
from mixup_multi.grid.cells.attempt import Attempt, Outcome
from mixup_multi.grid.cells.child_process import follow_parent
from mixup_multi.grid.cells.teams import Team
from mixup_multi.grid.cells.watcher import logged_to
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.recipe.cell import Cell


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

    def __init__(self, send: Callable[[Message], object]) -> None:
        self.send = send

    def cell_starts(self, cell: Cell) -> None:
        """Pass it on."""
        self.send(Message("starts", cell))

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        """Pass it on."""
        self.send(Message("epoch", cell, record))

    def says(self, message: str) -> None:
        """Pass it on."""
        self.send(Message("says", content=message))

    def outcome(self, cell: Cell, outcome: Outcome) -> None:
        """Tell what came of a cell."""
        self.send(Message("outcome", cell, outcome))

    def free(self) -> None:
        """Tell that the team has been attempted."""
        self.send(Message("free"))

    def stop(self, error: MixupMultiError) -> None:
        """Tell why no cell can go on."""
        self.send(Message("stop", content=error))


def attempt_and_tell(
    team: Team, shelf: Shelf, telling: Telling, *, retry: bool, cohorts: bool
) -> bool:
    """Attempt a team, tell what came of it, and return whether other cells can go on."""
    try:
        Attempt(shelf.site, shelf, telling, telling.outcome, retry, cohorts).run(team)
    except MixupMultiError as error:
        telling.stop(error)
        return False
    telling.free()
    return True


def serve(
    connection: Connection[Message, Team | None],
    site: Site,
    threads: int,
    *,
    retry: bool,
    cohorts: bool,
) -> None:
    """Attempt the teams that come through `connection` until a None comes, or the driver ends."""
    follow_parent()
    torch.set_num_threads(threads)
    if site.device.type == "cuda":
        torch.cuda.set_device(site.device)

    def send(message: Message) -> None:
        try:
            connection.send(message)
        except OSError:  # the driver is gone: that is no failure of the cell's
            os._exit(1)

    shelf, telling = Shelf(site), Telling(send)
    with logged_to(telling), suppress(EOFError, ConnectionError):  # the driver is gone
        while (team := connection.recv()) is not None:
            if not attempt_and_tell(team, shelf, telling, retry=retry, cohorts=cohorts):
                return
