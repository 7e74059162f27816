"""The most memory that was in use since a moment, as the device or the system counts it."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

_STATUS, _REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_HIGH_WATER = "5"  # as proc(5) has it
_forgotten = False


@dataclass(frozen=True)
class Peak:
    """The most memory in use.

    Attributes:
        bytes: how much.
        of: what was counted, and since when; in words, as reports print it.
    """

    bytes: int
    of: str


def forget_peak(device: torch.device) -> None:
    """Begin anew: `peak` counts from now on, where the system lets a process ask for that."""
    global _forgotten
    _forgotten = False
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        _forgotten = True
    else:
        with suppress(OSError):  # no Linux, or a container that forbids it
            _REFS.write_text(_RESET_HIGH_WATER)
            _forgotten = True


def peak(device: torch.device) -> Peak | None:
    """Return the peak since `forget_peak`; None where the system does not tell.

    Of a GPU it is what tensors took, the data's among them. Of a CPU it is everything that the
    process held, libraries and data too: what a cell adds to that cannot be told, since freed
    memory of the cells before it is used again.
    """
    since = f"since the {'cell' if _forgotten else 'process'} began"
    if device.type == "cuda":
        return Peak(torch.cuda.max_memory_allocated(device), f"tensors on the GPU, {since}")
    found = _resident() if _forgotten else _resident_ever()
    return None if found is None else Peak(found, f"the whole process's resident memory, {since}")


def _resident() -> int | None:
    found = re.search(r"VmHWM:\s+(\d+) kB", _STATUS.read_text())
    return 1024 * int(found[1]) if found else None


def _resident_ever() -> int | None:
    if sys.platform == "win32":
        return None
    from resource import RUSAGE_SELF, getrusage

    return (1 if sys.platform == "darwin" else 1024) * getrusage(RUSAGE_SELF).ru_maxrss
