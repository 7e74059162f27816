"""A Ray task: it attempts a team on some node of the cluster and tells the driver what happens."""

from __future__ import annotations

import asyncio
import os
import platform
import sys
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch

from mixup_multi.errors import OutputError
from mixup_multi.grid.cells.teams import Team
from mixup_multi.grid.cells.watcher import logged_to
from mixup_multi.grid.folder.locks import owner
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.grid.processes.worker import Message, Telling, attempt_and_tell


@dataclass(frozen=True)
class Errand:
    """What all tasks of a run are told.

    Attributes:
        site: where to read, write and compute; its paths are absolute.
        beacon: the name of a lock in the output folder that the driver holds.
        data_there: whether the driver sees the data root.
        search_path: where the driver looks for modules.
        queue: takes (number, message) to the driver.
        retry: run again what failed earlier.
        cohorts: whether cells may train together.
    """

    site: Site
    beacon: str
    data_there: bool
    search_path: tuple[str, ...]
    queue: Any
    retry: bool
    cohorts: bool


def perform(errand: Errand, number: int, team: Team) -> None:
    """Attempt a team as the task of this number, and tell all that happens."""

    def send(message: Message) -> None:
        # Waited for, since what has begun must be known should this process die; but not by
        # queue.put, during which Ray would give the task's core to another task.
        try:
            asyncio.run(errand.queue.put_async((number, message)))
        except Exception:  # the driver is gone: that is no failure of the cell's
            os._exit(1)

    telling = Telling(send)
    reason = _unshared(errand)
    if reason:
        telling.stop(OutputError(reason))
        return
    sys.path += [entry for entry in errand.search_path if entry not in sys.path]
    torch.set_num_threads(1)  # the one core that the task has
    if errand.site.device.type == "cuda":
        torch.cuda.set_device(0)  # of those that Ray lets it see
    with logged_to(telling):
        shelf, how = _shelf(errand.site), {"retry": errand.retry, "cohorts": errand.cohorts}
        attempt_and_tell(team, shelf, telling, **how)


@lru_cache(maxsize=1)
def _shelf(site: Site) -> Shelf:
    """Return this process's shelf, which keeps the data set between tasks."""
    return Shelf(site)


def _unshared(errand: Errand) -> str:
    """Return what this node does not share with the driver; empty where all is well."""
    site, node = errand.site, platform.node()
    if owner(site.out, errand.beacon) is None:
        missing = f"node {node} does not see in {site.out} the lock that the driver holds there"
    elif errand.data_there and not site.data.exists():
        missing = f"node {node} does not see the data root {site.data}"
    else:
        return ""
    needed = "--ray needs --out and --data on a file system that all nodes share, with its locks"
    return f"{missing}; {needed}"
