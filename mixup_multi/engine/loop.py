"""The training loop: one model, one objective, one data set, on one device."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.engine.evaluate import outputs_of
from mixup_multi.engine.memory import model_inputs, to_channels_last
from mixup_multi.engine.optimizer import optimizer_of, trained_parameters
from mixup_multi.engine.order import epoch_batches
from mixup_multi.engine.record import broken_weights, measures, summarised, watched
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data
from mixup_multi.engine.state import State
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.losses import Loss
from mixup_multi.objectives.objective import Objective, Terms
from mixup_multi.streams import seed_of, streams

OnEpoch = Callable[[dict[str, float]], None]


@dataclass(frozen=True)
class Job:
    """What is to be trained, and how.

    Attributes:
        data: the data set, split.
        build: makes the model with freshly initialised weights.
        objective: the training method.
        loss_fn: the loss in which results are reported, and of the warm-up.
        train: the recipe's `train` section.
        seed: of all streams.
        device: where to train.
        erm_epochs: how many first epochs are plain training (a warm-up on clean data).
        checkpoint: where to write checkpoints, and to go on from if it is there.
    """

    data: Data
    build: Callable[[], nn.Module]
    objective: Objective
    loss_fn: Loss
    train: Train
    seed: int
    device: torch.device
    erm_epochs: int = 0
    checkpoint: Path | None = None


def start(job: Job) -> State:
    """Return the state before the first epoch, or that of the checkpoint where there is one."""
    torch.manual_seed(seed_of(job.seed, "init"))
    model = job.build().to(job.device)
    if job.train.channels_last:
        model = to_channels_last(model)
    torch.manual_seed(seed_of(job.seed, "dropout"))
    state = State(model, optimizer_of(trained_parameters(model), job.train), streams(job.seed))
    if job.checkpoint is not None:
        state.resume(job.checkpoint, job.device)
    return state


def run(job: Job, state: State, on_epoch: OnEpoch | None = None) -> None:
    """Train from `state` to the last epoch.

    Args:
        job: what to train.
        state: as `start` returned it; it is moved on.
        on_epoch: called with each epoch's record: `epoch` (from 1), `lr`, `seconds`, the means
            and counts of the objective's terms (`train_loss`, `train_error` in percent against
            the targets that were trained on), and `validation_error`, `test_error` where tracked.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    objective = job.objective.fit(job.data.train)
    objective.check(state.model)
    saved = time.monotonic()
    while state.epoch < job.train.epochs:
        record = _epoch(job, objective, state)
        _check_weights(job, state)
        state.epoch += 1
        state.history.append(record)
        due = time.monotonic() - saved >= job.train.checkpoint_seconds
        if job.checkpoint is not None and (due or state.epoch == job.train.epochs):
            state.save(job.checkpoint)
            saved = time.monotonic()
        if on_epoch is not None:
            on_epoch(record)


def _check_weights(job: Job, state: State) -> None:
    """Raise `DivergedError` where the epoch's last step broke the weights: never save them."""
    finite = [torch.isfinite(p.detach()).all() for p in state.model.parameters()]
    if not bool(torch.stack(finite).all()):
        raise broken_weights(state.epoch + 1, job.checkpoint)


def _epoch(job: Job, objective: Objective, state: State) -> dict[str, float]:
    began = time.perf_counter()
    rate = job.train.schedule.rate(job.train.lr, state.epoch, job.train.epochs)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    if state.epoch < job.erm_epochs:
        objective = ERM(job.loss_fn)
    state.model.train()
    generators = state.generators
    terms = []
    batches = epoch_batches(len(job.data.train), job.train, generators["order"])
    for index in batches:
        batch = job.data.train.gather(index, generators["augment"]).to(job.device)
        batch = Batch(model_inputs(batch.inputs, job.train.channels_last), batch.targets)
        terms.append(step(state.model, state.optimizer, objective, batch, generators["mix"]))
    record = {
        "epoch": state.epoch + 1.0,
        "lr": rate,
        **_summary(job, state, terms, [len(index) for index in batches]),
    }
    record.update(_evaluate(job, state))
    record["seconds"] = time.perf_counter() - began
    return record


def step(
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    objective: Objective,
    batch: Batch,
    generator: torch.Generator,
) -> Terms:
    """Take one step and return its terms, detached."""
    terms = objective(model, batch, generator)
    optimizer.zero_grad(set_to_none=True)
    terms.total.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return Terms(terms.total.detach(), terms.means, terms.counts)


def _summary(
    job: Job, state: State, terms: Sequence[Terms], rows: Sequence[int]
) -> dict[str, float]:
    """Return an epoch's means over rows and its counts, with one transfer for each."""
    columns: dict[str, list[Tensor]] = defaultdict(list)
    for term in terms:
        for name, value in term.means.items():
            columns[name].append(torch.as_tensor(value))
    totals = torch.stack([term.total for term in terms]).cpu()
    means = {name: torch.stack(column).double().cpu() for name, column in columns.items()}
    counts = {
        name: torch.stack([torch.as_tensor(term.counts[name]) for term in terms])
        for name in terms[0].counts
    }
    return summarised(Terms(totals, means, counts), rows, state.epoch, job.checkpoint)


def _evaluate(job: Job, state: State) -> dict[str, float]:
    """Return the errors that the protocol watches while training."""
    record = {}
    size, last = job.train.eval_batch_size, job.train.channels_last
    for part, source in watched(job.data, job.train, state.epoch + 1).items():
        said = outputs_of(state.model, source, size, job.device, last)
        record.update(measures(part, said, job.loss_fn))
    return record
