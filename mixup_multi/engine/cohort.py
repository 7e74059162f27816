"""Cohorts: jobs that differ in seed, numbers and method only, trained together as one model.

Each member has the initialisation, the order of rows, the draws and the optimiser state that it
has alone; only its arithmetic is done side by side with the others', so results agree up to
rounding. A cohort has one checkpoint, so that its members are always at one epoch: how sums are
rounded depends on who is in the stack, and a cohort that goes on has to end with the same bits.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixup_multi.engine import loop
from mixup_multi.engine.cohort_epoch import Record, run_epoch
from mixup_multi.engine.cohort_likeness import member_order, why_not
from mixup_multi.engine.cohort_stack import Stack
from mixup_multi.engine.loop import Job
from mixup_multi.engine.memory import keep_freed_memory
from mixup_multi.engine.record import broken_weights
from mixup_multi.engine.state import State, load_checkpoint, save_checkpoint
from mixup_multi.errors import DivergedError, SettingError

Jobs = Mapping[str, Job]
"""The members by name, in the order in which they are stacked where nothing else decides."""
OnMemberEpoch = Callable[[str, Record], None]


def start_cohort(jobs: Jobs, checkpoint: Path | None = None) -> dict[str, State]:
    """Return the members' states before the first epoch, or those of the cohort's checkpoint.

    Args:
        jobs: two or more, as a group that `cohorts` returned.
        checkpoint: of the cohort. A member that is not in it has left the cohort, and has no
            state here.
    """
    states = {name: _start(job) for name, job in jobs.items()}
    saved = None if checkpoint is None else load_checkpoint(checkpoint, _device(jobs))
    if checkpoint is None or saved is None:
        return states
    members = {name: state for name, state in states.items() if name in saved}
    for name, state in members.items():
        state.take(saved[name], checkpoint)
    return members


def _start(job: Job) -> State:
    """Return a member's state, which keeps what is torch's global generator to it alone."""
    state = loop.start(job)
    state.keep_dropout()
    return state


def train_cohort(
    jobs: Jobs,
    states: Mapping[str, State],
    checkpoint: Path | None = None,
    on_epoch: OnMemberEpoch | None = None,
) -> dict[str, DivergedError]:
    """Train members from `states` to the last epoch.

    A member whose loss is no longer finite leaves the cohort, and the others go on.

    Args:
        jobs: the members with a state, at least.
        states: as `start_cohort` returned them; they are moved on.
        checkpoint: where to write the cohort's checkpoints.
        on_epoch: called with a member's name and its record, as `loop.run` calls its own;
            `seconds` is the member's share of the cohort's time.

    Returns:
        Why those that have left did.

    Raises:
        SettingError: the jobs cannot train together; nothing has been trained by then.
        PointError: a model does not offer the point that is to be mixed at.
    """
    names = list(states)
    models = [states[name].model for name in names]
    _check([jobs[name] for name in names], models)
    keep_freed_memory()
    left: dict[str, DivergedError] = {}
    team = [names[place] for place in member_order([jobs[name] for name in names], models)]
    while team and states[team[0]].epoch < jobs[team[0]].train.epochs:
        cohort = _Team({name: (jobs[name], states[name]) for name in team}, checkpoint)
        left |= cohort.run(on_epoch or _deaf)
        team = [name for name in team if name not in left]
    return left


def _check(jobs: Sequence[Job], models: Sequence[nn.Module]) -> None:
    for job, model in zip(jobs, models, strict=True):
        job.objective.check(model)
    reason = why_not(jobs, models)
    if reason is not None:
        raise SettingError(f"these jobs cannot train together: {reason}; train them one by one")


def _deaf(name: str, record: Record) -> None:
    """Take no notice."""


def _device(jobs: Jobs) -> torch.device:
    return next(iter(jobs.values())).device


class _Team:
    """Members of one stack, until the last epoch or until some leave it."""

    def __init__(self, members: Mapping[str, tuple[Job, State]], checkpoint: Path | None) -> None:
        self.names = list(members)
        self.jobs = [job for job, _ in members.values()]
        self.states = [state for _, state in members.values()]
        self.stack = Stack(self.jobs, self.states)
        self.checkpoint = checkpoint

    def run(self, on_epoch: OnMemberEpoch) -> dict[str, DivergedError]:
        """Train; return those that diverged in the last epoch that was trained."""
        train = self.jobs[0].train
        left: dict[str, DivergedError] = {}
        saved = time.monotonic()
        while not left and (epoch := self.states[0].epoch) < train.epochs:
            ended = self._epoch()
            left = {name: said for name, said in ended.items() if isinstance(said, DivergedError)}
            going = {name: said for name, said in ended.items() if isinstance(said, dict)}
            for name, state in zip(self.names, self.states, strict=True):
                if name in going:
                    state.epoch = epoch + 1
                    state.history.append(going[name])
            due = time.monotonic() - saved >= train.checkpoint_seconds
            if due or left or epoch + 1 == train.epochs:
                self._save(going)
                saved = time.monotonic()
            for name, record in going.items():
                on_epoch(name, record)
        return left

    def _epoch(self) -> dict[str, Record | DivergedError]:
        """Train an epoch; a member whose last step broke its weights has diverged as well."""
        ended = dict(zip(self.names, run_epoch(self.jobs, self.states, self.stack), strict=True))
        zipped = zip(self.names, self.states, self.stack.finite().tolist(), strict=True)
        broken = {name: state.epoch + 1 for name, state, finite in zipped if not finite}
        return {
            name: broken_weights(broken[name], self.checkpoint)
            if name in broken and isinstance(said, dict)
            else said
            for name, said in ended.items()
        }

    def _save(self, going: Mapping[str, Any]) -> None:
        """Bring the states up to date, and write the checkpoint of those that go on."""
        self.stack.write_back()
        if self.checkpoint is not None and going:
            members = zip(self.names, self.states, strict=True)
            content = {name: state.content() for name, state in members if name in going}
            save_checkpoint(content, self.checkpoint)
