"""What is said of an epoch: means over rows, counts, and errors on the parts that are watched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from mixup_multi.engine.evaluate import Outputs
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, Source
from mixup_multi.errors import DivergedError
from mixup_multi.objectives.losses import Loss
from mixup_multi.objectives.objective import Terms


def summarised(
    steps: Terms, rows: Sequence[int], epoch: int, checkpoint: Path | None
) -> dict[str, float]:
    """Return an epoch's means over rows and its counts.

    Args:
        steps: the terms of T steps as columns `(T,)`.
        rows: how many rows each step had.
        epoch: how many epochs were done before.
        checkpoint: where the run's checkpoints are.

    Raises:
        DivergedError: a step's loss is not finite.
    """
    broken = (~torch.isfinite(steps.total)).nonzero()
    if len(broken):
        first = int(broken[0])
        where = f"epoch {epoch + 1}, batch {first + 1} of {len(rows)}"
        raise diverged(f"the loss is {float(steps.total[first])} at {where}", checkpoint)
    shares = torch.tensor(rows, dtype=torch.float64) / sum(rows)
    record = {name: float(column @ shares) for name, column in steps.means.items()}
    record.update({name: float(column.sum()) for name, column in steps.counts.items()})
    if "error" in record:
        record["train_error"] = 100 * record.pop("error")
    return {"train_loss": float(steps.total.double() @ shares), **record}


def diverged(what: str, checkpoint: Path | None) -> DivergedError:
    """Return the error of a training that left the finite numbers, naming the last checkpoint."""
    kept = checkpoint if checkpoint is not None and checkpoint.exists() else None
    return DivergedError(
        f"{what}; expected a finite number. Last good checkpoint: {kept or 'none yet'}."
        " Lower train.lr, or check the data."
    )


def broken_weights(epoch: int, checkpoint: Path | None) -> DivergedError:
    """Return the error of weights that are no longer finite after the `epoch`-th (from 1)."""
    return diverged(f"a weight is no longer finite after epoch {epoch}", checkpoint)


def watched(data: Data, train: Train, epoch: int) -> dict[str, Source]:
    """Return the parts that the protocol evaluates after the `epoch`-th epoch (from 1), by name."""
    if epoch % train.evaluate_every and epoch != train.epochs:
        return {}
    parts = {"validation": data.validation}
    if train.track_test:
        parts["test"] = data.test
    return {part: source for part, source in parts.items() if source is not None}


def measures(part: str, said: Outputs, loss_fn: Loss) -> dict[str, float]:
    """Return a record's entries for what was said of a part."""
    return {f"{part}_error": said.error(loss_fn), f"{part}_loss": said.loss(loss_fn)}
