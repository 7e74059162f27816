"""Attempting a cell: taking its lock, looking once more whether it is done, and running it."""

from __future__ import annotations

import gc
import logging
import traceback
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

import torch

from mixup_multi.errors import MissingDataError, WriteError
from mixup_multi.grid.cell import run_cell
from mixup_multi.grid.helpers import helped
from mixup_multi.grid.locks import locked
from mixup_multi.grid.shelf import Shelf, Site
from mixup_multi.grid.store import CellFolder
from mixup_multi.grid.watcher import Listener
from mixup_multi.recipe.expand import Cell

log = logging.getLogger("mixup_multi")


@dataclass(frozen=True)
class Outcome:
    """What came of an attempt.

    Attributes:
        kind: `busy` where another process holds the cell's lock.
        result: of a cell that is done.
        message: why a cell failed.
        fresh: whether this attempt has run the cell.
    """

    kind: Literal["done", "failed", "busy"]
    result: dict[str, Any] = field(default_factory=dict)
    message: str = ""
    fresh: bool = True


def attempt(cell: Cell, site: Site, shelf: Shelf, listener: Listener, *, retry: bool) -> Outcome:
    """Run a cell unless it is done, has failed (without `retry`) or is being run elsewhere.

    An exception is the cell's own failure and is recorded in its folder.

    Raises:
        WriteError: nothing can be written, so that no cell can go on.
    """
    folder = CellFolder.of(site.out, cell)
    with locked(site.out, cell.folder) as mine:
        if not mine:
            return Outcome("busy")
        try:
            return _settle(cell, site, shelf, folder, listener, retry=retry)
        except WriteError:
            raise
        except MissingDataError as error:  # no fault of the cell's: to be tried again
            return Outcome("failed", message=str(error))
        except Exception as error:
            folder.fail(f"{type(error).__name__}: {error}", traceback.format_exc())
            message = _explained(error)
    _free_memory(site.device)
    return Outcome("failed", message=message)


def _settle(
    cell: Cell, site: Site, shelf: Shelf, folder: CellFolder, listener: Listener, *, retry: bool
) -> Outcome:
    folder.mend()
    data = shelf.get(cell)
    _retire_other_data(folder, data.key)
    failure = folder.read_json("failure")
    if failure is not None and not retry:
        return Outcome("failed", message=failure["message"], fresh=False)
    result = folder.result()
    if result is not None:
        return Outcome("done", result, fresh=False)
    listener.cell_starts(cell)
    with helped(cell, site) as team:
        tell = partial(listener.epoch_ends, cell)
        result = run_cell(cell, data, site, folder, tell, team)
    return Outcome("done", result)


def _retire_other_data(folder: CellFolder, key: str) -> None:
    """Keep what was made with other data under another name: it is another cell's."""
    record = folder.read_json("cell") or folder.read_json("result")
    if record is not None and record["data_key"] != key:
        kept = folder.retire()
        log.warning("the data of %s has changed; what it had is kept in %s", folder.path, kept)


def _explained(error: Exception) -> str:
    message = str(error) or type(error).__name__
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate" in message:
        return f"out of memory ({message}); lower train.batch_size or --jobs"
    return message


def _free_memory(device: torch.device) -> None:
    """Let go of what a failed cell held, so that the next one has room."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
