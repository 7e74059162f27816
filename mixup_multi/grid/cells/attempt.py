"""Attempting a team: taking its locks, looking once more what is done, and running the rest."""

from __future__ import annotations

import gc
import logging
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch

from mixup_multi.engine import cohort_groups
from mixup_multi.errors import MissingDataError, WriteError
from mixup_multi.grid.cells.cell import Task, run_alone, run_together, task_of
from mixup_multi.grid.cells.cohorts import Begun, begin, begun
from mixup_multi.grid.cells.helpers import helped
from mixup_multi.grid.cells.teams import Team
from mixup_multi.grid.cells.watcher import Listener
from mixup_multi.grid.folder.locks import locked
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.recipe.cell import Cell

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


Settle = Callable[[Cell, Outcome], object]


@dataclass(frozen=True)
class Attempt:
    """How cells are attempted.

    Attributes:
        site: where.
        shelf: loads their data.
        listener: is told how they go on.
        settle: is told what came of each.
        retry: whether to run those again that failed earlier.
        cohorts: whether cells may train together.
    """

    site: Site
    shelf: Shelf
    listener: Listener
    settle: Settle
    retry: bool = False
    cohorts: bool = True

    def run(self, team: Team) -> None:
        """Run those cells of a team that are not done, have not failed and are not run elsewhere.

        An exception is a cell's own failure and is recorded in its folder; one of a cohort lets
        its members go on one by one.

        Raises:
            WriteError: nothing can be written, so that no cell can go on.
        """
        with ExitStack() as held:
            mine = []
            for cell in team:
                if held.enter_context(locked(self.site.out, cell.folder)):
                    mine.append(cell)
                else:
                    self.settle(cell, Outcome("busy"))
            for tasks in self._portions(mine):
                self._run(tasks)
                tasks.clear()  # so that the data of the next has room

    def _portions(self, cells: Sequence[Cell]) -> Iterator[list[Task]]:
        """Yield what is to be trained, as much at once as half of the free memory has room for."""
        tasks: list[Task] = []
        room = cohort_groups.free_bytes(self.site.device) // 2
        for cell in cells:
            if (task := self._look(cell)) is not None:
                tasks.append(task)
            if tasks and cohort_groups.free_bytes(self.site.device) < room:
                yield tasks
                tasks = []
                room = cohort_groups.free_bytes(self.site.device) // 2
        yield tasks

    def _look(self, cell: Cell) -> Task | None:
        """Return a cell's task, or None where there is nothing to do."""
        folder = CellFolder.of(self.site.out, cell)
        with self._recording(cell):
            folder.mend()
            data = self.shelf.get(cell)
            _retire_other_data(folder, data.key)
            failure, result = folder.read_json("failure"), folder.result()
            if failure is not None and not self.retry:
                self.settle(cell, Outcome("failed", message=failure["message"], fresh=False))
            elif result is not None:
                self.settle(cell, Outcome("done", result, fresh=False))
            else:
                return task_of(cell, data, self.site)
        return None

    def _run(self, tasks: Sequence[Task]) -> None:
        """Train tasks in their cohorts, old and new ones, and the others one by one."""
        waiting = {task.cell.folder: task for task in tasks}
        begun_alone = [name for name, task in waiting.items() if task.folder.has_checkpoint]
        self._each([waiting.pop(name) for name in begun_alone])  # bit for bit as they began
        for cohort in begun(self.site.out):
            if _is_of_other_data(cohort, waiting):
                cohort.retire()
                continue
            members = {name: waiting.pop(name) for name in cohort.members if name in waiting}
            if members and self.cohorts and not cohort.others(members):
                self._together(members, cohort)
            elif members:
                self._part(members, cohort)
        for group in _grouped(list(waiting.values()), cohorts=self.cohorts):
            if len(group) == 1:
                self._each(group)
            else:
                members = {task.cell.folder: task for task in group}
                keys = {name: task.job.data.key for name, task in members.items()}
                self._together(members, begin(self.site.out, keys))

    def _part(self, members: Mapping[str, Task], cohort: Begun) -> None:
        """Let members of a cohort go on one by one."""
        cohort.part({name: task.folder.checkpoint for name, task in members.items()})
        self._each(members.values())

    def _each(self, tasks: Iterable[Task]) -> None:
        for task in tasks:
            with self._recording(task.cell):
                self.listener.cell_starts(task.cell)
                with helped(task.cell, self.site) as ranks:
                    led = replace(task, job=replace(task.job, ranks=ranks))
                    result = run_alone(led, self.listener)
                self.settle(task.cell, Outcome("done", result))

    def _together(self, members: Mapping[str, Task], cohort: Begun) -> None:
        """Train a cohort; where that fails as a whole, its members go on one by one."""
        waiting = dict(members)
        try:
            for task, ended in run_together(members, cohort, self.listener):
                del waiting[task.cell.folder]
                with self._recording(task.cell):
                    if isinstance(ended, Exception):
                        raise ended
                    self.settle(task.cell, Outcome("done", ended))
        except WriteError:
            raise
        except Exception as error:
            said = f"{len(waiting)} cells that trained together go on one by one"
            log.warning("%s: %s", said, _explained(error))
            error.__traceback__ = None  # it holds the stack
            _free_memory(self.site.device)
        self._part(waiting, cohort)

    @contextmanager
    def _recording(self, cell: Cell) -> Iterator[None]:
        """Take an exception for the cell's failure."""
        try:
            yield
        except WriteError:
            raise
        except MissingDataError as error:  # no fault of the cell's: to be tried again
            self.settle(cell, Outcome("failed", message=str(error)))
        except Exception as error:
            folder = CellFolder.of(self.site.out, cell)
            folder.fail(f"{type(error).__name__}: {error}", traceback.format_exc())
            self.settle(cell, Outcome("failed", message=_explained(error)))
            _free_memory(self.site.device)


def _grouped(tasks: Sequence[Task], *, cohorts: bool) -> list[list[Task]]:
    """Divide tasks into groups; a defect that is met on the way is left to be met alone."""
    if len(tasks) < 2 or not cohorts:
        return [[task] for task in tasks]
    try:
        groups = cohort_groups.cohorts([task.job for task in tasks])
    except Exception as error:
        log.warning("%d cells train one by one: %s", len(tasks), _explained(error))
        return [[task] for task in tasks]
    return [[tasks[place] for place in group] for group in groups]


def _is_of_other_data(cohort: Begun, tasks: Mapping[str, Task]) -> bool:
    """Whether the data of a member has changed since the cohort began."""
    keys = cohort.members
    return any(name in tasks and tasks[name].job.data.key != keys[name] for name in keys)


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
