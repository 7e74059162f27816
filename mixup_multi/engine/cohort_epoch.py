"""One epoch of a stack of members, and a record for each."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from mixup_multi.engine.cohort_feed import gather
from mixup_multi.engine.cohort_stack import Stack
from mixup_multi.engine.evaluate import Outputs, said_of
from mixup_multi.engine.loop import Job
from mixup_multi.engine.order import epoch_batches
from mixup_multi.engine.record import measures, summarised, watched
from mixup_multi.engine.source import Joinable, Source
from mixup_multi.engine.state import State
from mixup_multi.errors import DivergedError
from mixup_multi.objectives.family import Family, kin_of
from mixup_multi.objectives.objective import Terms
from mixup_multi.tree import tree_map

Record = dict[str, float]


def run_epoch(
    jobs: Sequence[Job], states: Sequence[State], stack: Stack
) -> list[Record | DivergedError]:
    """Move the stack on by an epoch, and the members' generators with it.

    Returns:
        Each member's record, with its share of the time as `seconds`; or why it has diverged.
    """
    began = time.perf_counter()
    epoch = states[0].epoch
    rates = stack.set_rates(epoch)
    family = family_at(jobs, stack, epoch)
    kept, rows = _train(jobs, states, stack, family)
    ended = [
        _summary(job, epoch, rate, rows, _member_terms(kept, family, member))
        for member, (job, rate) in enumerate(zip(jobs, rates, strict=True))
    ]
    said = _evaluate(jobs, states, stack, epoch + 1)
    seconds = (time.perf_counter() - began) / len(jobs)
    return [_whole(*pair, seconds) for pair in zip(ended, said, strict=True)]


def _whole(
    trained: Record | DivergedError, said: Record | DivergedError, seconds: float
) -> Record | DivergedError:
    """Return a member's record, or the first reason why there is none."""
    if isinstance(trained, DivergedError) or isinstance(said, DivergedError):
        return trained if isinstance(trained, DivergedError) else said
    return {**trained, **said, "seconds": seconds}


def family_at(jobs: Sequence[Job], stack: Stack, epoch: int) -> Family:
    """Return the members' objectives in `epoch` (from 0); a warm-up is plain training."""
    kin = []
    for job in jobs:
        one = kin_of(job.objective, stack.model.template)
        if one is None:
            raise TypeError(f"{job.objective} is not of the family that trains in cohorts")
        kin.append(one.plain(job.loss_fn) if epoch < job.erm_epochs else one)
    return Family(kin, stack.trained[0])


def _train(
    jobs: Sequence[Job], states: Sequence[State], stack: Stack, family: Family
) -> tuple[Terms, list[int]]:
    """Take an epoch's steps; return the terms as tables `(T, M)` on the CPU, and rows a step."""
    orders = [
        epoch_batches(len(job.data.train), job.train, state.generators["order"])
        for job, state in zip(jobs, states, strict=True)
    ]
    augments = [state.generators["augment"] for state in states]
    mixes = [state.generators["mix"] for state in states]
    stack.model.template.train()
    steps = []
    for batch in stack.feed.epoch(orders, augments):
        terms, part = family.loss(stack.model, batch, family.draw(batch.targets, mixes))
        stack.step(terms.total, part, family.rows)
        steps.append(Terms(terms.total.detach(), terms.means, terms.counts))
    means = {name: _table([s.means[name] for s in steps]).double() for name in steps[0].means}
    counts = {name: _table([s.counts[name] for s in steps]) for name in steps[0].counts}
    return Terms(_table([s.total for s in steps]), means, counts), [len(b) for b in orders[0]]


def _table(columns: Sequence[Tensor]) -> Tensor:
    return torch.stack(list(columns)).cpu()


def _member_terms(table: Terms, family: Family, member: int) -> Terms:
    """Return a member's columns `(T,)`; those of the regulariser only where it has one."""
    place = {m: p for p, m in enumerate(family.penalised)}

    def columns(tables: dict[str, Tensor]) -> dict[str, Tensor]:
        penalised = {
            name: values[:, place[member]]
            for name, values in tables.items()
            if name != "error" and member in place
        }
        plain = {"error": tables["error"][:, member]} if "error" in tables else {}
        return plain | penalised

    means, counts = columns(dict(table.means)), columns(dict(table.counts))
    return Terms(table.total[:, member], means, counts)


def _summary(
    job: Job, epoch: int, rate: float, rows: Sequence[int], terms: Terms
) -> Record | DivergedError:
    try:
        means = summarised(terms, rows, epoch, job.checkpoint)
    except DivergedError as error:
        return error
    return {"epoch": epoch + 1.0, "lr": rate, **means}


def _evaluate(
    jobs: Sequence[Job], states: Sequence[State], stack: Stack, epoch: int
) -> list[Record | DivergedError]:
    """Return what the members' protocol watches after the `epoch`-th epoch (from 1)."""
    parts = [watched(job.data, job.train, epoch) for job in jobs]
    said = {part: _outputs([own[part] for own in parts], jobs, states, stack) for part in parts[0]}
    return [_measured({part: said[part][m] for part in said}, job) for m, job in enumerate(jobs)]


def _measured(said: Mapping[str, Outputs], job: Job) -> Record | DivergedError:
    record: Record = {}
    try:
        for part, outputs in said.items():
            outputs.check_finite()
            record.update(measures(part, outputs, job.loss_fn))
    except DivergedError as error:
        return error
    return record


@torch.no_grad()
def _outputs(
    sources: Sequence[Source], jobs: Sequence[Job], states: Sequence[State], stack: Stack
) -> list[Outputs]:
    """Return what each member says of its source; one by one where lengths or inputs differ."""
    train, device, rows = jobs[0].train, jobs[0].device, len(sources[0])
    size = train.eval_batch_size
    if any(isinstance(source, Joinable) or len(source) != rows for source in sources):
        stack.write_back_models()
        zipped = zip(states, sources, strict=True)
        return [said_of(s.model, part, size, device, train.channels_last) for s, part in zipped]
    stack.model.template.eval()
    logits, targets = [], []
    for index in torch.split(torch.arange(rows), size):
        batch = gather(sources, index.expand(1, len(sources), -1))
        moved = batch.to(device)
        logits.append(stack.model.logits(tree_map(_only_step, moved.inputs)).float().cpu())
        targets.append(batch.targets[0].cpu())
    stack.model.template.train()
    pairs = zip(torch.cat(logits, 1), torch.cat(targets, 1), strict=True)
    return [Outputs(*pair) for pair in pairs]


def _only_step(leaf: Tensor) -> Tensor:
    return leaf[0]
