"""What a trained cell is measured by: errors and losses of every part, time, size and memory."""

from __future__ import annotations

from typing import Any

from mixup_multi.engine import loop
from mixup_multi.engine.evaluate import Outputs, outputs_of
from mixup_multi.engine.peak_memory import peak
from mixup_multi.engine.source import Source
from mixup_multi.engine.state import State
from mixup_multi.grid.folder.store import CellFolder


def measure(job: loop.Job, state: State, folder: CellFolder) -> dict[str, Any]:
    """Evaluate the trained model on every part, and keep what it says of test and validation.

    Returns:
        What result.json holds: for each part its error (percent), loss and rows; seconds of
        training, parameters, the peak of memory since `forget_peak`; and what the data is.
    """

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
    memory = peak(job.device)
    return {
        **result,
        "seconds": sum(record["seconds"] for record in state.history),
        "parameters": sum(p.numel() for p in state.model.parameters()),
        "peak_memory_bytes": memory.bytes if memory else None,
        "peak_memory_of": memory.of if memory else None,
        "data": job.data.name,
        "data_key": job.data.key,
        "classes": len(job.data.classes),
        "class_names": list(job.data.classes),
        "notes": list(job.data.notes),
    }
