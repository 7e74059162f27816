"""What a result was made with: versions, commit, machine."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import torch

from mixup_multi.grid.folder.versions import versions


def environment(device: torch.device, devices: int) -> dict[str, Any]:
    """Return the environment as plain values; what asks other programs is asked once a process."""
    return {
        "python": platform.python_version(),
        "platform": platform.platform(),
        "packages": versions(),
        "commit": _commit(),
        "device": str(device),
        "devices": devices,
        "device_name": _device_name(device),
        "cpu_count": os.cpu_count(),
        "torch_threads": torch.get_num_threads(),
    }


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return processor()


@cache
def processor() -> str:
    """Return what the processor is called; Linux tells it in a file only."""
    with suppress(OSError):
        found = re.search(
            r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE
        )
        if found:
            return found[1]
    return platform.processor() or platform.machine()


@cache
def _commit() -> str | None:
    """Return the commit of the source tree that runs, with `+changes` where it is not clean."""
    folder = Path(__file__).parent
    try:
        run = ["git", "-C", str(folder), "describe", "--always", "--abbrev=12", "--dirty=+changes"]
        said = subprocess.run(run, capture_output=True, text=True, timeout=10, check=True)
        tracked = ["git", "-C", str(folder), "ls-files", "--error-unmatch", __file__]
        subprocess.run(tracked, capture_output=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip() or None
