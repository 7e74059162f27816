"""Locks on cells, so that several processes divide a grid and none runs a cell twice.

A cell's lock is an advisory lock of the operating system (`flock`) on the file OUT/locks/CELL,
held open while the cell runs. The system drops it with its process, however that ends: a lock
that nobody holds is never in the way, so there is nothing to recognise as stale, no time limit
to wait for and no process number to mistake for that of another process. Linux carries `flock`
over NFS too; a network mount that keeps locks local to each machine (`local_lock`,
`localflock`) must not be shared by runs on two machines.

The file says who holds it (machine, process, since when), for people and for
`mixup-multi plan`. It lies outside the cell's folder, which holds results only.
"""

from __future__ import annotations

import fcntl
import json
import os
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from mixup_multi.engine.cache import not_written
from mixup_multi.errors import OutputError

POLL_SECONDS = 0.05
NO_LOCKS = "the file system has no locks that several processes can share; choose another --out"


@dataclass(frozen=True)
class Owner:
    """Who holds a lock: the machine's name, the process's number, and since when."""

    host: str
    pid: int
    since: str

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host} since {self.since}"


def lock_path(out: Path, name: str) -> Path:
    """Return where the lock of the cell folder `name` lies."""
    return out / "locks" / name


@contextmanager
def locked(out: Path, name: str) -> Iterator[bool]:
    """Hold the lock of a cell, and yield True; yield False at once where another holds it.

    Raises:
        WriteError: the lock's file cannot be made.
        OutputError: the file system has no locks.
    """
    path = lock_path(out, name)
    descriptor = _take(path)
    if descriptor is None:
        yield False
        return
    try:
        yield True
    finally:
        with suppress(OSError):
            path.unlink()  # before the lock is let go: see _take
        os.close(descriptor)


@contextmanager
def held(out: Path, name: str) -> Iterator[None]:
    """Hold a lock, waiting for it where another has it.

    Raises:
        WriteError: the lock's file cannot be made.
        OutputError: the file system has no locks.
    """
    while True:
        with locked(out, name) as mine:
            if mine:
                yield
                return
        time.sleep(POLL_SECONDS)


def owner(out: Path, name: str) -> Owner | None:
    """Return who holds the lock of a cell, or None where nobody does; writes nothing."""
    try:
        descriptor = os.open(lock_path(out, name), os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError:
        return _read_owner(descriptor)
    else:
        return None
    finally:
        os.close(descriptor)


def running(out: Path) -> dict[str, Owner]:
    """Return the cell folders that are being worked on below `out`, and by whom."""
    folder = out / "locks"
    names = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    holders = {name: owner(out, name) for name in names}
    return {name: holder for name, holder in holders.items() if holder is not None}


def _take(path: Path) -> int | None:
    """Return a descriptor that holds the lock of the file at `path`, or None.

    Whoever lets a lock go removes its file first. So a lock obtained on a file that is no longer
    the one at `path` is worth nothing, and is asked for again.
    """
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise not_written(path, error) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_at(descriptor, path):
                _write_owner(descriptor)
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            raise OutputError(f"{path} cannot be locked ({error.strerror}): {NO_LOCKS}") from error
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _write_owner(descriptor: int) -> None:
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    text = json.dumps(asdict(Owner(platform.node(), os.getpid(), now)))
    with suppress(OSError):  # on a full disk the lock holds all the same
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, text.encode(), 0)


def _read_owner(descriptor: int) -> Owner:
    try:
        return Owner(**json.loads(os.pread(descriptor, 4096, 0)))
    except (ValueError, TypeError):
        return Owner("an unknown machine", 0, "just now")
