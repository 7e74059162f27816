"""How a cell is trained: the `train` section of a recipe, with units and ranges."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Schedule", "Train"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
LATER = ("precision", "accumulate", "compile")
"""Settings of `train` that cells of earlier versions do not have; see `Train.identity`."""


class Strict(BaseModel):
    """A section of a recipe: unknown keys and wrong types are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Schedule(Strict):
    """How the learning rate changes from epoch to epoch; epochs count from 0.

    `steps` multiplies by `factor` at each epoch of `at`; `every` multiplies by `factor` every
    `epochs` epochs; `cosine` falls to 0 at the last epoch.

    Attributes:
        name: which of them; `constant` for none.
        at: the epochs of `steps`.
        epochs: the period of `every`.
        factor: what `steps` and `every` multiply by.
        warmup: epochs of a linear warm-up before any of them; they are part of the epochs.
    """

    name: Literal["constant", "steps", "every", "cosine"] = "constant"
    at: tuple[Annotated[int, Field(ge=0)], ...] = ()
    epochs: Annotated[int, Field(ge=1)] = 10
    factor: Positive = 0.1
    warmup: Annotated[int, Field(ge=0)] = 0

    def rate(self, base: float, epoch: int, last: int) -> float:
        """Return the learning rate of `epoch` of `last` epochs, a pure function of both."""
        warm = min(1.0, (epoch + 1) / (self.warmup + 1))
        if self.name == "steps":
            return base * warm * self.factor ** sum(epoch >= at for at in self.at)
        if self.name == "every":
            return base * warm * self.factor ** (epoch // self.epochs)
        if self.name == "cosine":
            return base * warm * 0.5 * (1 + math.cos(math.pi * epoch / max(last, 1)))
        return base * warm


class Train(Strict):
    """How a cell is trained.

    Attributes:
        epochs: passes over the training part (or groups of `steps_per_epoch` steps).
        batch_size: rows a step. A last batch of one row joins the batch before it, since
            BatchNorm has no statistics of one row and a lone row has no partner.
        steps_per_epoch: if given, every step takes the first rows of a fresh permutation, as the
            GIN code does; otherwise an epoch visits each row once.
        drop_last: leave out a last batch that is not full.
        optimizer: sgd, adam or adamw.
        lr: the learning rate before schedule.
        momentum, nesterov: of sgd.
        weight_decay: as the optimiser of PyTorch defines it.
        schedule: of the learning rate.
        channels_last: store image-like weights and inputs in that memory order; faster.
        precision: of the training steps. `bf16-mixed` and `16-mixed` (CUDA only, with a scaled
            loss) compute in half precision; weights stay in float32, and evaluation is in float32.
        accumulate: micro-batches a step, each a batch of its own: it draws its own partners and
            shares, one after the other from the same stream, and BatchNorm sees it alone. The
            step's gradient is the mean over their rows. None has fewer than two rows.
        compile: train through `torch.compile`; equal to eager training up to rounding.
            Checkpoints hold the names of the model that was not compiled.
        track_test: record the test error after every epoch, for protocols that select on it.
            The report says so.
        evaluate_every: epochs between evaluations of validation (and tracked test) parts.
        eval_batch_size: rows a step where nothing is learnt.
        checkpoint_seconds: least time between checkpoints inside a cell.
    """

    epochs: Annotated[int, Field(ge=1)] = 10
    batch_size: Annotated[int, Field(ge=1)] = 128
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    drop_last: bool = False
    optimizer: Literal["sgd", "adam", "adamw"] = "adam"
    lr: Positive = 1e-3
    momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9
    nesterov: bool = False
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    schedule: Schedule = Schedule()
    channels_last: bool = True
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = "32-true"
    accumulate: Annotated[int, Field(ge=1)] = 1
    compile: bool = False
    track_test: bool = False
    evaluate_every: Annotated[int, Field(ge=1)] = 1
    eval_batch_size: Annotated[int, Field(ge=1)] = 512
    checkpoint_seconds: Annotated[float, Field(ge=0)] = 60.0

    def identity(self) -> dict[str, Any]:
        """Return what decides numbers, as plain values.

        Settings that were added later are left out at their default, so that what was trained
        before they were there is still known as the same.
        """
        fields = type(self).model_fields
        unused = {name for name in LATER if getattr(self, name) == fields[name].default}
        return self.model_dump(mode="json", exclude={"checkpoint_seconds", *unused})
