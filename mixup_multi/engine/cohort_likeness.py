"""Which jobs may train together: what has to be equal, and a trial of what cannot be read.

Seeds, splits (into batches of one size), alpha, eta, learning rate, weight decay, the warm-up's
length and the method (of the family) may differ.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.engine.cohort_feed import JointFeed
from mixup_multi.engine.cohort_trial import disagreement
from mixup_multi.engine.loop import Job
from mixup_multi.engine.order import batch_sizes
from mixup_multi.engine.record import watched
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Joinable
from mixup_multi.objectives.family import kin_of, loss_key
from mixup_multi.points import offered_points
from mixup_multi.tree import Tree, tree_map

FREE = {"lr", "weight_decay"}
"""Of the `train` section: what may differ."""
KNOWN = FREE | {
    *("epochs", "batch_size", "steps_per_epoch", "drop_last", "optimizer", "momentum", "nesterov"),
    *("schedule", "channels_last", "track_test", "evaluate_every", "eval_batch_size"),
    "checkpoint_seconds",
}
"""Of the `train` section: what a cohort follows. Anything else has to have its default."""


def aspects(job: Job, model: nn.Module) -> Mapping[str, Hashable] | str:
    """Return what has to be equal in a cohort, by name; or why the job can only train alone."""
    kin = kin_of(job.objective, model)
    if kin is None:
        return "the method is not ERM, or mixup or a fast MixupE with linear blends at one point"
    if job.erm_epochs and loss_key(job.loss_fn) != loss_key(kin.loss_fn):
        return "the warm-up has another loss than the method"
    fields = Train.model_fields
    special = [n for n in fields if n not in KNOWN and getattr(job.train, n) != fields[n].default]
    if special:
        return f"train.{special[0]} is not the default"
    source = job.data.train
    try:
        kind = tree_map(_kind, first_inputs(job, 1)) if not isinstance(source, Joinable) else None
    except TypeError:
        return "the inputs are neither tensors with a row for each example nor can be joined"
    return {
        "the train section": job.train.model_dump_json(exclude=FREE),
        "device": str(job.device),
        "the sizes of the batches": batch_sizes(len(source), job.train),
        "the number of classes": len(job.data.classes),
        "the parts that are evaluated": tuple(watched(job.data, job.train, job.train.epochs)),
        "the loss": (loss_key(kin.loss_fn), loss_key(job.loss_fn)),
        "the inputs' shapes": source.kind if isinstance(source, Joinable) else repr(kind),
        "the model": _structure(model),
    }


def why_not(jobs: Sequence[Job], models: Sequence[nn.Module]) -> str | None:
    """Return why these jobs cannot train together; None where they can.

    Args:
        jobs: two or more.
        models: theirs, as built; they are left as they are.
    """
    found = []
    for job, model in zip(jobs, models, strict=True):
        one = aspects(job, model)
        if isinstance(one, str):
            return one
        found.append(one)
    for name, value in found[0].items():
        if any(one[name] != value for one in found):
            return f"they differ in {name}"
    if len({point_of(*pair) for pair in zip(jobs, models, strict=True)} - {None}) > 1:
        return "they mix at different points"
    return trial(jobs, models)


def trial(jobs: Sequence[Job], models: Sequence[nn.Module]) -> str | None:
    """Return what a pass over a few rows of each job says against stacking; None where nothing."""
    rows = min(4, *(len(job.data.train) for job in jobs))
    return disagreement(models, [first_inputs(job, rows) for job in jobs], first_step(jobs, rows))


def point_of(job: Job, model: nn.Module) -> str | None:
    """Return where a job of the family mixes; None where it does not."""
    kin = kin_of(job.objective, model)
    return None if kin is None else kin.point


def member_order(jobs: Sequence[Job], models: Sequence[nn.Module]) -> list[int]:
    """Return the order in which members are stacked.

    Neighbours are those of one learning rate and weight decay, which are one group of the
    optimiser, and among them those that make a second pass, which then need no copies.
    """

    def key(member: int) -> tuple[Any, ...]:
        job = jobs[member]
        kin = kin_of(job.objective, models[member])
        rate = (job.train.lr, job.train.weight_decay)
        if kin is None or kin.penalty is None:
            return (*rate, 1)
        return (*rate, 0, job.erm_epochs, kin.penalty.form, kin.penalty.threshold)

    return sorted(range(len(jobs)), key=key)


def first_inputs(job: Job, rows: int) -> Tree:
    """Return the inputs of the first training rows, un-augmented, where the job computes."""
    return job.data.train.gather(torch.arange(rows)).to(job.device).inputs


def first_step(jobs: Sequence[Job], rows: int) -> Tree:
    """Return the inputs of the jobs' first training rows as a cohort gathers them."""
    sources = [job.data.train for job in jobs]
    if all(isinstance(source, Joinable) for source in sources):
        return JointFeed(sources, jobs[0].device).step([torch.arange(rows)] * len(jobs)).inputs
    return tree_map(lambda *same: torch.stack(same), *(first_inputs(job, rows) for job in jobs))


def _structure(model: nn.Module) -> Hashable:
    tensors = [*model.named_parameters(), *model.named_buffers()]
    shapes = tuple((name, *_kind(tensor, 0), tensor.requires_grad) for name, tensor in tensors)
    return repr(model), offered_points(model), shapes


def _kind(leaf: Tensor, first: int = 1) -> tuple[str, str]:
    return str(tuple(leaf.shape[first:])), str(leaf.dtype)
