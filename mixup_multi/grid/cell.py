"""Running one cell, from its last checkpoint or from the start, until its folder is complete."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mixup_multi.engine import loop
from mixup_multi.engine.evaluate import Outputs, outputs_of
from mixup_multi.engine.source import Data, Source
from mixup_multi.engine.state import State
from mixup_multi.engine.team import ALONE, Team
from mixup_multi.grid.environment import environment
from mixup_multi.grid.shelf import Site, build_model, build_objective
from mixup_multi.grid.store import CellFolder
from mixup_multi.objectives.losses import loss_named
from mixup_multi.recipe.expand import Cell

OnEpoch = Callable[[dict[str, float]], None]


def run_cell(
    cell: Cell,
    data: Data,
    site: Site,
    folder: CellFolder,
    on_epoch: OnEpoch,
    team: Team = ALONE,
) -> dict[str, Any]:
    """Train a cell and leave its folder complete; only for who holds the cell's lock.

    Returns:
        The result, as in result.json.
    """
    folder.make()
    folder.clear_failure()
    folder.write_json("cell", {**cell.record(), "data_key": data.key})
    folder.write_json("environment", environment(site.device, site.devices))
    job = job_of(cell, data, site, folder, team)

    def told(record: dict[str, float]) -> None:
        folder.append_metrics(record)
        on_epoch(record)

    state = loop.start(job)
    folder.write_metrics(state.history)
    loop.run(job, state, told)
    result = _measure(job, state, folder)
    folder.write_json("result", result)
    folder.tidy()
    return result


def job_of(cell: Cell, data: Data, site: Site, folder: CellFolder, team: Team = ALONE) -> loop.Job:
    """Return what the engine needs to train `cell`; of a team, rank 0 has the checkpoint."""
    return loop.Job(
        data=data,
        build=lambda: build_model(cell, data),
        objective=build_objective(cell, data),
        loss_fn=loss_named(cell.method.settings.get("loss") or data.loss),
        train=cell.train,
        seed=cell.seed,
        device=site.device,
        erm_epochs=cell.erm_epochs,
        checkpoint=folder.checkpoint if team.rank == 0 else None,
        team=team,
    )


def _measure(job: loop.Job, state: State, folder: CellFolder) -> dict[str, Any]:
    """Evaluate the trained model on every part, and keep what it says of test and validation."""

    def outputs(source: Source) -> Outputs:
        train = job.train
        return outputs_of(
            state.model, source, train.eval_batch_size, job.device, train.channels_last
        )

    parts = {"train": job.data.train, "validation": job.data.validation, "test": job.data.test}
    said = {part: (outputs(source), source.ids) for part, source in parts.items() if source}
    folder.write_outputs({part: kept for part, kept in said.items() if part != "train"})
    result: dict[str, Any] = {"selection": "last epoch", "epochs": state.epoch}
    for part, (output, _) in said.items():
        result[f"{part}_error"] = output.error(job.loss_fn)
        result[f"{part}_loss"] = output.loss(job.loss_fn)
        result[f"{part}_rows"] = len(output.targets)
    return {
        **result,
        "seconds": sum(record["seconds"] for record in state.history),
        "parameters": sum(p.numel() for p in state.model.parameters()),
        "data": job.data.name,
        "data_key": job.data.key,
        "classes": len(job.data.classes),
        "notes": list(job.data.notes),
    }
