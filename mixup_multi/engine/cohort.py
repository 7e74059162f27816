"""Cohorts: jobs that differ in seed, numbers and method only, trained together as one model.

Each member has the initialisation, the order of rows, the draws, the optimiser state and the
checkpoints that it has alone; only its arithmetic is done side by side with the others', so
results agree up to rounding. A cohort of one is the one-by-one path itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Container, Sequence

from torch import nn

from mixup_multi.engine import loop
from mixup_multi.engine.cohort_epoch import Record, run_epoch
from mixup_multi.engine.cohort_likeness import member_order, why_not
from mixup_multi.engine.cohort_stack import Stack
from mixup_multi.engine.loop import Job
from mixup_multi.engine.memory import keep_freed_memory
from mixup_multi.engine.state import State
from mixup_multi.errors import DivergedError, SettingError

OnMemberEpoch = Callable[[int, Record], None]
Ended = State | DivergedError


def train_cohort(jobs: Sequence[Job], on_epoch: OnMemberEpoch | None = None) -> list[Ended]:
    """Train jobs together, from their checkpoints where there are some, to the last epoch.

    Members whose checkpoints are behind catch up first. A member whose loss is no longer finite
    leaves the cohort, and the others go on.

    Args:
        jobs: as a group that `cohorts` returned.
        on_epoch: called with a member's place in `jobs` and its record, as `loop.run` calls its
            own; `seconds` is the member's share of the cohort's time.

    Returns:
        For each job its trained state, or why it has diverged.

    Raises:
        SettingError: the jobs cannot train together; nothing has been trained by then.
        PointError: a model does not offer the point that is to be mixed at.
    """
    if len(jobs) == 1:
        return [_alone(jobs[0], on_epoch)]
    states = [_start(job) for job in jobs]
    for job, state in zip(jobs, states, strict=True):
        job.objective.check(state.model)
    reason = why_not(jobs, [state.model for state in states])
    if reason is not None:
        raise SettingError(f"these jobs cannot train together: {reason}; train them one by one")
    keep_freed_memory()
    failed: dict[int, DivergedError] = {}
    while team := _next_team(jobs, states, failed):
        until = _meeting(jobs, states, team, failed)
        some = [jobs[i] for i in team]
        lost = _together(some, [states[i] for i in team], until, _numbered(on_epoch, team))
        failed |= {team[place]: error for place, error in lost.items()}
    return [failed.get(member, state) for member, state in enumerate(states)]


def _numbered(on_epoch: OnMemberEpoch | None, team: Sequence[int]) -> OnMemberEpoch:
    """Return a callback that takes a place in the team."""

    def tell(place: int, record: Record) -> None:
        if on_epoch is not None:
            on_epoch(team[place], record)

    return tell


def _alone(job: Job, on_epoch: OnMemberEpoch | None) -> Ended:
    state = loop.start(job)
    try:
        loop.run(job, state, None if on_epoch is None else lambda record: on_epoch(0, record))
    except DivergedError as error:
        return error
    return state


def _next_team(jobs: Sequence[Job], states: Sequence[State], failed: Container[int]) -> list[int]:
    """Return the members that are furthest behind, in a stack's order; none at the end."""
    last = jobs[0].train.epochs
    running = [i for i, s in enumerate(states) if i not in failed and s.epoch < last]
    behind = [i for i in running if states[i].epoch == min(states[j].epoch for j in running)]
    return [behind[place] for place in member_order(*_some(jobs, states, behind))]


def _some(
    jobs: Sequence[Job], states: Sequence[State], members: Sequence[int]
) -> tuple[list[Job], list[nn.Module]]:
    return [jobs[i] for i in members], [states[i].model for i in members]


def _meeting(
    jobs: Sequence[Job], states: Sequence[State], team: Sequence[int], failed: Container[int]
) -> int:
    """Return the epoch at which the team meets the next members, or the last."""
    others = [s.epoch for i, s in enumerate(states) if i not in failed and i not in team]
    return min([*others, jobs[0].train.epochs])


def _together(
    jobs: Sequence[Job],
    states: Sequence[State],
    until: int,
    on_epoch: OnMemberEpoch,
) -> dict[int, DivergedError]:
    """Train members of one epoch until another, or until some diverge; return those by place."""
    stack = Stack(jobs, states)
    failed: dict[int, DivergedError] = {}
    saved = time.monotonic()
    while not failed and (epoch := max(state.epoch for state in states)) < until:
        going: dict[int, Record] = {}
        for place, ended in enumerate(run_epoch(jobs, states, stack)):
            if isinstance(ended, DivergedError):
                failed[place] = ended
            else:
                going[place] = ended
        for place, record in going.items():
            states[place].epoch = epoch + 1
            states[place].history.append(record)
        due = time.monotonic() - saved >= jobs[0].train.checkpoint_seconds
        if due or epoch + 1 == jobs[0].train.epochs:
            stack.write_back()
            for place in going:
                _save(jobs[place], states[place])
            saved = time.monotonic()
        for place, record in going.items():
            on_epoch(place, record)
    stack.write_back()
    return failed


def _start(job: Job) -> State:
    """Return a member's state, which keeps what is torch's global generator to it alone."""
    state = loop.start(job)
    state.keep_dropout()
    return state


def _save(job: Job, state: State) -> None:
    """Write a member's checkpoint as it writes it alone, with its own global generator."""
    if job.checkpoint is not None:
        state.save(job.checkpoint)
