"""From arrays to trained networks: the engine's own loop and cohorts, on tables in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.bounds import Bounds
from mixup_multi.engine import loop
from mixup_multi.engine.cache import content_key
from mixup_multi.engine.cohort import start_cohort, train_cohort
from mixup_multi.engine.cohort_groups import cohorts
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.state import State
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.objective import Objective

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Plan:
    """How members are trained.

    Attributes:
        objective: the method.
        loss: the name of the loss.
        network: settings of the multi-layer perceptron.
        train: of the engine.
        device: where.
        patience: epochs without improvement on the validation part before a member stops, with
            the weights of its best epoch; None to train to the end.
        tolerance: what counts as an improvement of the validation loss.
    """

    objective: Objective
    loss: str
    network: Mapping[str, Any]
    train: Train
    device: torch.device
    patience: int | None = None
    tolerance: float = 1e-4


def as_data(
    train: tuple[Floats, Tensor],
    validation: tuple[Floats, Tensor] | None,
    classes: Sequence[str],
    loss: str,
    units: str,
) -> Data:
    """Return arrays `(n, d)` with targets `(n, c)`, or class indices `(n,)`, as a data set.

    `units` says what the features are measured in.
    """

    def source(part: tuple[Floats, Tensor]) -> TensorSource:
        inputs, labels = part
        ids = [str(row) for row in range(len(inputs))]
        return TensorSource(torch.from_numpy(inputs), labels, len(classes), ids)

    learnt = source(train)
    learnt = replace(learnt, bounds=_bounds(learnt.inputs, units))
    return Data(
        name="the arrays given to fit",
        train=learnt,
        test=learnt,
        validation=None if validation is None else source(validation),
        classes=tuple(classes),
        key=content_key(*train),
        loss=loss,
        facts={"width": train[0].shape[1], "cardinalities": ()},
    )


def _bounds(rows: Tensor, units: str) -> Bounds:
    """Return that each column lies between its ends in `rows`; a constant one stays."""
    low, high = rows.amin(0), rows.amax(0)
    return Bounds.between(low, high, (low < high).to(low), low, units)


def train_members(
    plan: Plan, data: Data, seeds: Sequence[int], states: Sequence[State] | None = None
) -> list[State]:
    """Train a network a seed, side by side where they can be, and return their states.

    Args:
        plan: how.
        data: what on.
        seeds: one a member.
        states: of members that are trained on for `plan.train.epochs` more epochs.

    torch's global random state is left as it was.
    """
    with torch.random.fork_rng():
        if states is not None:
            return [
                _train(plan, _job(plan, data, seed), state, more=True)
                for seed, state in zip(seeds, states, strict=True)
            ]
        jobs = {str(number): _job(plan, data, seed) for number, seed in enumerate(seeds)}
        stopped_alone = plan.patience is not None
        if len(jobs) > 1 and not stopped_alone and len(cohorts(list(jobs.values()))) == 1:
            return _train_together(jobs)
        return [_train(plan, job, loop.start(job), more=False) for job in jobs.values()]


def _job(plan: Plan, data: Data, seed: int) -> loop.Job:
    build = door.load_adapter("tabular").models["mlp"]
    return loop.Job(
        data=data,
        build=partial(build, data, **plan.network),
        objective=plan.objective,
        loss_fn=loss_named(plan.loss),
        train=plan.train,
        seed=seed,
        device=plan.device,
    )


def _train_together(jobs: Mapping[str, loop.Job]) -> list[State]:
    states = start_cohort(jobs)
    for error in train_cohort(jobs, states).values():
        raise error
    return list(states.values())


class _StopError(Exception):
    """A member has not improved for long enough."""


def _train(plan: Plan, job: loop.Job, state: State, *, more: bool) -> State:
    if more:
        epochs = state.epoch + job.train.epochs
        job = replace(job, train=job.train.model_copy(update={"epochs": epochs}))
    if plan.patience is None:
        loop.run(job, state)
        return state
    best = _Best(state.model, plan.patience, plan.tolerance)
    with suppress(_StopError):
        loop.run(job, state, best)
    best.restore()
    return state


class _Best:
    """Keeps the weights of the epoch of the least validation loss; stops where none comes."""

    def __init__(self, model: nn.Module, patience: int, tolerance: float) -> None:
        self.model, self.patience, self.tolerance = model, patience, tolerance
        self.loss, self.since = float("inf"), 0
        self.weights = self._copied()

    def __call__(self, record: Mapping[str, float]) -> None:
        """Take in an epoch's record."""
        loss = record["validation_loss"]
        self.since = 0 if loss < self.loss - self.tolerance else self.since + 1
        if loss < self.loss:
            self.loss, self.weights = loss, self._copied()
        if self.since >= self.patience:
            raise _StopError

    def restore(self) -> None:
        """Give the model the best epoch's weights."""
        self.model.load_state_dict(self.weights)

    def _copied(self) -> dict[str, Tensor]:
        return {name: value.clone() for name, value in self.model.state_dict().items()}


@torch.no_grad()
def mean_of_members(
    states: Sequence[State],
    inputs: Floats,
    respond: Callable[[Tensor], Tensor],
    device: torch.device,
    batch_size: int = 4096,
) -> NDArray[np.float64]:
    """Return the mean over members of `respond(logits)`, `(n, c)`."""
    rows = torch.from_numpy(inputs)
    parts = []
    for part in torch.split(rows, batch_size):
        said = [respond(state.model.eval()(part.to(device))).double() for state in states]
        parts.append((sum(said[1:], said[0]) / len(said)).cpu())
    found: NDArray[np.float64] = torch.cat(parts).numpy()
    return found
