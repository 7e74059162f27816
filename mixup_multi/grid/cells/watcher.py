"""What a run tells as it goes on, in the driver's process and from its workers alike."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from mixup_multi.recipe.cell import Cell


class Listener(Protocol):
    """Is told how the cells that are being run go on."""

    def cell_starts(self, cell: Cell) -> None:
        """A cell begins, or goes on from its checkpoint."""

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        """An epoch of a cell has ended."""

    def says(self, message: str) -> None:
        """Something that a person should know has happened."""


class Watcher(Listener, Protocol):
    """Is also told how they end."""

    def cell_ends(self, cell: Cell, result: dict[str, Any], *, fresh: bool) -> None:
        """A cell is done; not `fresh` where it had been done before or elsewhere."""

    def cell_fails(self, cell: Cell, message: str, *, fresh: bool) -> None:
        """A cell has failed, the others go on; not `fresh` where it had failed before."""


class _Telling(logging.Handler):
    """Hands log messages to a listener."""

    def __init__(self, listener: Listener) -> None:
        super().__init__(logging.INFO)
        self.listener = listener

    def emit(self, record: logging.LogRecord) -> None:
        """Say the message."""
        self.listener.says(record.getMessage())


@contextmanager
def logged_to(listener: Listener) -> Iterator[None]:
    """Let a listener say this package's messages, e.g. of a file that was set aside."""
    handler = _Telling(listener)
    logger = logging.getLogger("mixup_multi")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.setLevel(level)
        logger.removeHandler(handler)
