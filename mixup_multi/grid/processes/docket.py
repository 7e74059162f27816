"""The cells that several processes are to settle: what waits, what others hold, what has died.

Whoever hands out teams (to processes of this machine, to a cluster's) has `Post`s at which they
are attempted. Cells whose process dies are taken up again, from their last checkpoint; after
`DEATHS` deaths they are recorded as failed. Which process may run a cell is decided by the cell's
lock, so that several drivers can share an output folder.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence

from mixup_multi.errors import OutputError
from mixup_multi.grid.cells.attempt import Outcome, Settle
from mixup_multi.grid.cells.teams import Plan, Team
from mixup_multi.grid.cells.watcher import Watcher
from mixup_multi.grid.folder.locks import locked
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.processes.worker import Message
from mixup_multi.recipe.cell import Cell

DEATHS = 3
POLL_SECONDS = 0.5


class Post:
    """Where a team is attempted, as the driver sees it.

    Attributes:
        team: those of its cells that nothing has come of yet, by key; None where it is free.
        started: the keys of those that have begun to run.
        busy: those of its cells that another run holds.
    """

    def __init__(self, team: Team | None = None) -> None:
        self.team: dict[str, Cell] | None = None
        self.started: set[str] = set()
        self.busy: list[Cell] = []
        if team is not None:
            self.take(team)

    def take(self, team: Team) -> None:
        """Begin with a team."""
        self.team, self.started = {cell.key: cell for cell in team}, set()


class Docket:
    """Keeps what is left to settle, and takes in what is heard of it.

    Attributes:
        waiting: teams to be attempted, in order.
        elsewhere: cells that another run holds, to be looked at again.
    """

    def __init__(self, plan: Plan, site: Site, watcher: Watcher, settle: Settle) -> None:
        self.plan = plan
        self.waiting: deque[Team] = deque()
        self.elsewhere: list[Team] = []
        self.site = site
        self.watcher = watcher
        self.settle = settle
        self.deaths: Counter[str] = Counter()
        self.false_starts = 0
        self.next_look = 0.0

    def divide(self, processes: int) -> None:
        """Fill `waiting` with work for so many processes, where there are cells enough."""
        self.waiting = deque(self.plan.teams(processes))

    def unsettled(self, posts: Iterable[Post]) -> bool:
        """Return whether cells are left, having put those to look at again among the waiting."""
        if not self.waiting and self.elsewhere and time.monotonic() >= self.next_look:
            self.waiting.extend(self.elsewhere)
            self.elsewhere.clear()
            self.next_look = time.monotonic() + POLL_SECONDS
        working = any(post.team is not None for post in posts)
        return working or bool(self.waiting or self.elsewhere)

    def take_in(self, post: Post, message: Message) -> None:
        """Take in what a post tells.

        Raises:
            MixupMultiError: it tells that no cell can go on.
        """
        cell = message.cell
        if message.kind == "stop":
            raise message.content
        if message.kind == "free":
            post.team = None
            self._put_off(post)
        elif cell is None or post.team is None:
            self.watcher.says(str(message.content))
        elif message.kind == "starts":
            post.started.add(cell.key)
            self.false_starts = 0
            self.watcher.cell_starts(cell)
        elif message.kind == "epoch":
            self.watcher.epoch_ends(cell, message.content)
        else:
            del post.team[cell.key]
            if message.content.kind == "busy":
                post.busy.append(cell)
            else:
                self.settle(cell, message.content)

    def bury(self, post: Post, said: str) -> None:
        """Take in that the process at a post has died; `said` goes on from "the process".

        The cells of a team die together, though one of them may be to blame: before they are
        given up they are tried one by one.

        Raises:
            OutputError: processes die before they begin a cell, again and again.
        """
        team, post.team = tuple((post.team or {}).values()), None
        self._put_off(post)
        if not team:
            return
        running = [cell for cell in team if cell.key in post.started]
        self.false_starts += not running
        if self.false_starts >= DEATHS:
            raise OutputError(f"worker processes end as they begin; the last {said}")
        self.deaths.update(cell.key for cell in running)
        deaths = max((self.deaths[cell.key] for cell in running), default=0)
        if deaths >= DEATHS:
            for cell in running:
                self._give_up(cell, said)
            team = tuple(cell for cell in team if cell not in running)
        elif running:
            what = f"the process that ran {_named(running)} {said}"
            self.watcher.says(f"{what}; what is not done is taken up again")
        teams = [(cell,) for cell in team] if deaths == DEATHS - 1 else [team]
        self.waiting.extendleft(team for team in reversed(teams) if team)

    def _put_off(self, post: Post) -> None:
        """Keep together what of a team others are working on, to look at it again."""
        if post.busy:
            self.elsewhere.append(tuple(post.busy))
            post.busy = []

    def _give_up(self, cell: Cell, said: str) -> None:
        message = f"{DEATHS} processes that ran it died, the last {said}; out of memory?"
        with locked(self.site.out, cell.folder) as mine:
            if mine:
                CellFolder.of(self.site.out, cell).fail(message, traceback="")
        self.settle(cell, Outcome("failed", message=message))


def _named(cells: Sequence[Cell]) -> str:
    return cells[0].title if len(cells) == 1 else f"{len(cells)} cells together"
