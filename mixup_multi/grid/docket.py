"""The cells that several processes are to settle: what waits, what others hold, what has died.

Whoever hands out cells (to processes of this machine, to a cluster's) has `Post`s at which they
are attempted. A cell whose process dies is taken up again, from its last checkpoint; after
`DEATHS` deaths it is recorded as failed. Which process may run a cell is decided by the cell's
lock, so that several drivers can share an output folder.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence

from mixup_multi.errors import OutputError
from mixup_multi.grid.attempt import Outcome
from mixup_multi.grid.locks import locked
from mixup_multi.grid.shelf import Site
from mixup_multi.grid.store import CellFolder
from mixup_multi.grid.watcher import Watcher
from mixup_multi.grid.worker import Message
from mixup_multi.recipe.expand import Cell

DEATHS = 3
POLL_SECONDS = 0.5
Settle = Callable[[Cell, Outcome], object]


class Post:
    """Where a cell is attempted, as the driver sees it.

    Attributes:
        cell: what is attempted there; None where nothing is.
        started: whether that cell has begun to run.
    """

    def __init__(self, cell: Cell | None = None) -> None:
        self.cell = cell
        self.started = False


class Docket:
    """Keeps what is left to settle, and takes in what is heard of it.

    Attributes:
        waiting: cells to be attempted, in order.
        elsewhere: cells that another run holds, to be looked at again.
    """

    def __init__(self, cells: Sequence[Cell], site: Site, watcher: Watcher, settle: Settle) -> None:
        self.waiting = deque(cells)
        self.elsewhere: list[Cell] = []
        self.site = site
        self.watcher = watcher
        self.settle = settle
        self.deaths: Counter[str] = Counter()
        self.false_starts = 0
        self.next_look = 0.0

    def unsettled(self, posts: Iterable[Post]) -> bool:
        """Return whether cells are left, having put those to look at again among the waiting."""
        if not self.waiting and self.elsewhere and time.monotonic() >= self.next_look:
            self.waiting.extend(self.elsewhere)
            self.elsewhere.clear()
            self.next_look = time.monotonic() + POLL_SECONDS
        working = any(post.cell is not None for post in posts)
        return working or bool(self.waiting or self.elsewhere)

    def take_in(self, post: Post, message: Message) -> None:
        """Take in what a post tells.

        Raises:
            MixupMultiError: it tells that no cell can go on.
        """
        cell = post.cell
        if message.kind == "stop":
            raise message.content
        if message.kind == "says" or cell is None:
            self.watcher.says(str(message.content))
        elif message.kind == "starts":
            post.started, self.false_starts = True, 0
            self.watcher.cell_starts(cell)
        elif message.kind == "epoch":
            self.watcher.epoch_ends(cell, message.content)
        else:
            post.cell = None
            if message.content.kind == "busy":
                self.elsewhere.append(cell)
            else:
                self.settle(cell, message.content)

    def bury(self, post: Post, said: str) -> None:
        """Take in that the process at a post has died; `said` goes on from "the process".

        Raises:
            OutputError: processes die before they begin a cell, again and again.
        """
        cell, post.cell = post.cell, None
        if cell is None:
            return
        if post.started:
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
