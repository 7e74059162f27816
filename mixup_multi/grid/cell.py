"""Running one cell, from its last checkpoint or from the start, until its folder is complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mixup_multi.engine import loop
from mixup_multi.engine.peak_memory import forget_peak
from mixup_multi.engine.source import Data
from mixup_multi.grid.environment import environment
from mixup_multi.grid.measure import measure
from mixup_multi.grid.shelf import Site, build_model, build_objective
from mixup_multi.grid.store import CellFolder
from mixup_multi.objectives.losses import loss_named
from mixup_multi.recipe.expand import Cell

OnEpoch = Callable[[dict[str, float]], None]


def run_cell(
    cell: Cell, data: Data, site: Site, folder: CellFolder, on_epoch: OnEpoch
) -> dict[str, Any]:
    """Train a cell and leave its folder complete; only for who holds the cell's lock.

    Returns:
        The result, as in result.json.
    """
    folder.make()
    folder.clear_failure()
    folder.write_json("cell", {**cell.record(), "data_key": data.key})
    folder.write_json("environment", environment(site.device))
    job = job_of(cell, data, site, folder)
    forget_peak(site.device)

    def told(record: dict[str, float]) -> None:
        folder.append_metrics(record)
        on_epoch(record)

    state = loop.start(job)
    folder.write_metrics(state.history)
    loop.run(job, state, told)
    result = measure(job, state, folder)
    folder.write_json("result", result)
    folder.tidy()
    return result


def job_of(cell: Cell, data: Data, site: Site, folder: CellFolder) -> loop.Job:
    """Return what the engine needs to train `cell`."""
    return loop.Job(
        data=data,
        build=lambda: build_model(cell, data),
        objective=build_objective(cell, data),
        loss_fn=loss_named(cell.method.settings.get("loss") or data.loss),
        train=cell.train,
        seed=cell.seed,
        device=site.device,
        erm_epochs=cell.erm_epochs,
        checkpoint=folder.checkpoint,
    )
