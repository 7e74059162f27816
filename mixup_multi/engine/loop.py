"""The training loop: one model, one objective, one data set, on one device."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.engine.evaluate import outputs_of
from mixup_multi.engine.fabric import backend_of
from mixup_multi.engine.memory import model_inputs, to_channels_last
from mixup_multi.engine.optimizer import optimizer_of, trained_parameters
from mixup_multi.engine.order import epoch_batches
from mixup_multi.engine.ranks import ALONE, Ranks, pieces, synchronised
from mixup_multi.engine.record import broken_weights, measures, summarised, watched
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data
from mixup_multi.engine.state import State
from mixup_multi.engine.stepping import Backend, check_compiled, check_devices, step
from mixup_multi.engine.training import Training, Workshop, at_once
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
        ranks: this process's place, where several train the model together. All of them have
            the same job, but for the device, and the checkpoint, which is rank 0's.
        workshop: fits the codecs that the objective asks for, or has kept them.
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
    ranks: Ranks = ALONE
    workshop: Workshop = at_once


def start(job: Job) -> State:
    """Return the state before the first epoch, or that of the checkpoint where there is one."""
    torch.manual_seed(seed_of(job.seed, "init"))
    model = job.build().to(job.device)
    if job.train.channels_last:
        model = to_channels_last(model)
    model = synchronised(model, job.ranks, job.device)
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
        SettingError: the method cannot be compiled, or what `train` asks for is not installed.
    """
    objective = job.objective.fit(Training(job.data, job.workshop, job.device))
    objective.check(state.model)
    check_compiled(objective, job.train)
    check_devices(objective, job.ranks.size)
    backend = backend_of(state, job.train, job.ranks, job.device)
    try:
        _run(job, objective, state, backend, on_epoch)
    finally:
        backend.close()


def _run(
    job: Job, objective: Objective, state: State, backend: Backend, on_epoch: OnEpoch | None
) -> None:
    saved = time.monotonic()
    while state.epoch < job.train.epochs:
        record = _epoch(job, objective, state, backend)
        _check_weights(job, state)
        state.epoch += 1
        state.history.append(record)
        due = time.monotonic() - saved >= job.train.checkpoint_seconds
        if job.checkpoint is not None and (due or state.epoch == job.train.epochs):
            state.scaler = backend.scaler()
            state.save(job.checkpoint)
            saved = time.monotonic()
        if on_epoch is not None:
            on_epoch(record)


def _check_weights(job: Job, state: State) -> None:
    """Raise `DivergedError` where the epoch's last step broke the weights: never save them."""
    finite = [torch.isfinite(p.detach()).all() for p in state.model.parameters()]
    if not bool(torch.stack(finite).all()):
        raise broken_weights(state.epoch + 1, job.checkpoint)


def _epoch(job: Job, objective: Objective, state: State, backend: Backend) -> dict[str, float]:
    began = time.perf_counter()
    rate = job.train.schedule.rate(job.train.lr, state.epoch, job.train.epochs)
    for group in state.optimizer.param_groups:
        group["lr"] = rate
    if state.epoch < job.erm_epochs:
        objective = ERM(job.loss_fn)
    state.model.train()
    generators = state.generators
    job.ranks.reseed(job.seed, state.epoch, generators)

    def gather(rows: Tensor) -> Batch:
        batch = job.data.train.gather(rows, generators["augment"]).to(job.device)
        return replace(batch, inputs=model_inputs(batch.inputs, job.train.channels_last))

    terms = []
    batches = epoch_batches(len(job.data.train), job.train, generators["order"])
    for index in batches:
        parts = pieces(index, job.train.accumulate, job.ranks)
        taken = step(backend, objective, parts, gather, generators["mix"], state.memory)
        state.memory = taken.memory
        terms.append(replace(taken, memory={}))
    backend.agree(state.model)
    record = {
        "epoch": state.epoch + 1.0,
        "lr": rate,
        **_summary(job, state, backend, terms, [len(index) for index in batches]),
    }
    if job.ranks.rank == 0:
        record.update(_evaluate(job, state))
    record["seconds"] = time.perf_counter() - began
    return record


def _summary(
    job: Job, state: State, backend: Backend, terms: Sequence[Terms], rows: Sequence[int]
) -> dict[str, float]:
    """Return an epoch's means over rows and its counts, with one transfer for each."""
    columns: dict[str, list[Tensor]] = defaultdict(list)
    for term in terms:
        for name, value in term.means.items():
            columns[name].append(torch.as_tensor(value))
    totals = backend.summed(torch.stack([term.total for term in terms])).cpu()
    means = {
        name: backend.summed(torch.stack(column).double()).cpu() for name, column in columns.items()
    }
    counts = {
        name: backend.summed(torch.stack([torch.as_tensor(term.counts[name]) for term in terms]))
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
