"""Running a cell, or a cohort, from its last checkpoint or from the start, until it is complete."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mixup_multi.engine import loop
from mixup_multi.engine.cohort import start_cohort, train_cohort
from mixup_multi.engine.peak_memory import forget_peak
from mixup_multi.engine.ranks import ALONE, Ranks
from mixup_multi.engine.source import Data
from mixup_multi.engine.state import State
from mixup_multi.errors import DivergedError
from mixup_multi.grid.cells.cohorts import Begun
from mixup_multi.grid.cells.measure import measure
from mixup_multi.grid.cells.watcher import Listener
from mixup_multi.grid.codecs.keep import kept_codec
from mixup_multi.grid.folder.environment import environment
from mixup_multi.grid.folder.shelf import Site, build_model, build_objective, loss_of
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.recipe.cell import Cell


@dataclass(frozen=True)
class Task:
    """A cell that is about to be trained by who holds its lock."""

    cell: Cell
    folder: CellFolder
    job: loop.Job


def task_of(cell: Cell, data: Data, site: Site) -> Task:
    """Return what is needed to train `cell` on `data`."""
    folder = CellFolder.of(site.out, cell)
    return Task(cell, folder, job_of(cell, data, site, folder))


def run_alone(task: Task, listener: Listener) -> dict[str, Any]:
    """Train a cell and leave its folder complete.

    Returns:
        The result, as in result.json.
    """
    _prepare(task, _together_so_far(task.folder))
    forget_peak(task.job.device)
    state = loop.start(task.job)
    task.folder.write_metrics(state.history)
    loop.run(task.job, state, partial(_tell, task, listener))
    return _complete(task, state)


def run_together(
    tasks: Mapping[str, Task], cohort: Begun, listener: Listener
) -> Iterator[tuple[Task, dict[str, Any] | Exception]]:
    """Train cells as one stacked model and leave their folders complete.

    Args:
        tasks: by the folder's name; those that have left the cohort earlier are left out.
        cohort: theirs.
        listener: is told how they go on.

    Yields:
        Each cell as it ends, with its result, or why it has failed.
    """
    jobs = {name: task.job for name, task in tasks.items()}
    forget_peak(next(iter(jobs.values())).device)
    states = start_cohort(jobs, cohort.checkpoint)
    for name, state in states.items():
        _prepare(tasks[name], len(cohort.members))
        tasks[name].folder.write_metrics(state.history)
        listener.cell_starts(tasks[name].cell)

    def told(name: str, record: dict[str, float]) -> None:
        _tell(tasks[name], listener, record)

    left = train_cohort(jobs, states, cohort.checkpoint, told)
    for name, state in states.items():
        try:
            yield tasks[name], left.get(name) or _finish(tasks[name], state)
        except DivergedError as error:
            yield tasks[name], error


def _together_so_far(folder: CellFolder) -> int:
    """Return how many shared the training of a cell that has a checkpoint of its own."""
    made_with = folder.read_json("environment") if folder.checkpoint.exists() else None
    return 1 if made_with is None else int(made_with["trained_together"])


def _prepare(task: Task, together: int) -> None:
    """Write what a cell is and what it is made with; `together` cells share its training."""
    folder, cell, job = task.folder, task.cell, task.job
    folder.make()
    folder.clear_failure()
    folder.write_json("cell", {**cell.record(), "data_key": job.data.key})
    made_with = environment(job.device, job.ranks.size)
    folder.write_json("environment", {**made_with, "trained_together": together})


def _tell(task: Task, listener: Listener, record: dict[str, float]) -> None:
    task.folder.append_metrics(record)
    listener.epoch_ends(task.cell, record)


def _finish(task: Task, state: State) -> dict[str, Any]:
    """Complete a member of a cohort, which has had no checkpoint of its own."""
    state.save(task.folder.checkpoint)
    return _complete(task, state)


def _complete(task: Task, state: State) -> dict[str, Any]:
    result = measure(task.job, state, task.folder)
    task.folder.write_json("result", result)
    task.folder.tidy()
    return result


def job_of(
    cell: Cell, data: Data, site: Site, folder: CellFolder, ranks: Ranks = ALONE
) -> loop.Job:
    """Return what the engine needs to train `cell`; of several ranks, rank 0 has the checkpoint."""
    return loop.Job(
        data=data,
        build=lambda: build_model(cell, data),
        objective=build_objective(cell, data),
        loss_fn=loss_of(cell, data),
        train=cell.train,
        seed=cell.seed,
        device=site.device,
        erm_epochs=cell.erm_epochs,
        checkpoint=folder.checkpoint if ranks.rank == 0 else None,
        ranks=ranks,
        workshop=partial(kept_codec, out=site.out),
    )
