"""Cohorts that have begun, kept in OUT/cohorts so that they go on in the same company.

ID.json   the names of the members' folders, in their order, and the keys of their data
ID.pt     the cohort's checkpoint, once there is one

They are there until the end of a run that finds each member done, failed or with a checkpoint of
its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from mixup_multi.engine.cache import not_written
from mixup_multi.engine.sealed import DamagedError, set_aside
from mixup_multi.engine.state import load_checkpoint, previous, save_checkpoint
from mixup_multi.grid.folder.locks import running
from mixup_multi.grid.folder.sealed_json import read_json, write_json
from mixup_multi.grid.folder.store import CellFolder


@dataclass(frozen=True)
class Begun:
    """A cohort that has begun.

    Attributes:
        path: its record.
        members: the key of each member's data, by the name of its folder.
    """

    path: Path
    members: Mapping[str, str]

    @property
    def checkpoint(self) -> Path:
        """Return the path of its checkpoint, which need not exist."""
        return self.path.with_suffix(".pt")

    @property
    def files(self) -> tuple[Path, ...]:
        """Return the paths of all that is kept of it."""
        return self.path, self.checkpoint, previous(self.checkpoint)

    def others(self, at_hand: Collection[str] = ()) -> list[str]:
        """Return the members beside those at hand that only this cohort knows how to go on."""
        cells = self.path.parent.parent / "cells"
        names = [name for name in self.members if name not in at_hand]
        return [name for name in names if not _is_settled(CellFolder(cells / name))]

    def part(self, checkpoints: Mapping[str, Path]) -> None:
        """Give members (by name) checkpoints of their own, from which they go on alone."""
        saved = load_checkpoint(self.checkpoint, torch.device("cpu")) or {}
        for name, path in checkpoints.items():
            if name in saved:
                save_checkpoint(saved[name], path)

    def retire(self) -> None:
        """Keep it in OUT/stale: the data of a member has changed since."""
        home = self.path.parent.parent / "stale"
        home.mkdir(exist_ok=True)
        for path in self.files:
            if path.exists():
                path.replace(home / path.name)


def _is_settled(folder: CellFolder) -> bool:
    ended = (folder.path / f"{name}.json" for name in ("result", "failure"))
    return folder.has_checkpoint or any(path.exists() for path in ended)


def begin(out: Path, members: Mapping[str, str]) -> Begun:
    """Record that cells begin to train together; `members` as in `Begun`.

    Raises:
        WriteError: it cannot be written.
    """
    digest = hashlib.sha256(json.dumps(list(members.items())).encode()).hexdigest()
    path = out / "cohorts" / f"{digest[:12]}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error
    write_json(path, {"members": dict(members)})
    return Begun(path, members)


def begun(out: Path) -> list[Begun]:
    """Return the cohorts that have begun below `out`; a damaged record is set aside."""
    found = []
    for path in sorted((out / "cohorts").glob("*.json")):
        try:
            record = read_json(path)
        except DamagedError:
            with suppress(FileNotFoundError):  # another run has done it
                set_aside(path)
        else:
            if record is not None:
                found.append(Begun(path, record["members"]))
    return found


def forget_complete(out: Path) -> None:
    """Forget the cohorts that nobody needs to go on with, at the end of a run."""
    for cohort in begun(out):
        if not cohort.others():
            for path in cohort.files:
                path.unlink(missing_ok=True)
    if not running(out):
        for leftover in (out / "cohorts").glob(".*.tmp"):
            leftover.unlink(missing_ok=True)
