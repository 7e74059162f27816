"""Cohorts that have begun, kept in OUT/cohorts so that they go on in the same company.

ID.json   the names of the members' folders, in their order
ID.pt     the cohort's checkpoint

Both are there from the first step until the end of a run that finds each member done, failed or
with a checkpoint of its own.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mixup_multi.engine.cache import not_written
from mixup_multi.engine.cohort import start_cohort
from mixup_multi.engine.loop import Job
from mixup_multi.engine.sealed import DamagedError, set_aside
from mixup_multi.engine.state import previous
from mixup_multi.grid.sealed_json import read_json, write_json


@dataclass(frozen=True)
class Begun:
    """A cohort that has begun.

    Attributes:
        path: its record.
        members: the names of the members' folders.
    """

    path: Path
    members: tuple[str, ...]

    @property
    def checkpoint(self) -> Path:
        """Return the path of its checkpoint, which need not exist."""
        return self.path.with_suffix(".pt")

    def others(self, at_hand: Collection[str] = ()) -> list[str]:
        """Return the members beside those at hand that only this cohort knows how to go on."""
        cells = self.path.parent.parent / "cells"
        known = ("result.json", "failure.json", "checkpoint.pt", "checkpoint.previous.pt")
        names = [name for name in self.members if name not in at_hand]
        return [name for name in names if not any((cells / name / k).exists() for k in known)]

    def part(self, jobs: Mapping[str, Job]) -> None:
        """Give each of `jobs` (by the member's name) a checkpoint of its own, to go on alone."""
        for name, state in start_cohort(jobs, self.checkpoint).items() if jobs else ():
            checkpoint = jobs[name].checkpoint
            if checkpoint is not None and state.epoch:
                state.save(checkpoint)


def forget_complete(out: Path) -> None:
    """Forget the cohorts that nobody needs to go on with, at the end of a run."""
    for cohort in begun(out):
        if not cohort.others():
            for path in (cohort.path, cohort.checkpoint, previous(cohort.checkpoint)):
                path.unlink(missing_ok=True)


def begin(out: Path, members: Sequence[str]) -> Begun:
    """Record that cells begin to train together.

    Raises:
        WriteError: it cannot be written.
    """
    name = hashlib.sha256("\n".join(members).encode()).hexdigest()[:12]
    path = out / "cohorts" / f"{name}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error
    write_json(path, {"members": list(members)})
    return Begun(path, tuple(members))


def begun(out: Path) -> list[Begun]:
    """Return the cohorts that have begun below `out`; a damaged record is set aside."""
    found = []
    for path in sorted((out / "cohorts").glob("*.json")):
        try:
            record = read_json(path)
        except DamagedError:
            set_aside(path)
        else:
            if record is not None:
                found.append(Begun(path, tuple(record["members"])))
    return found
