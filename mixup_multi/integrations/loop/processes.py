"""Which of several processes this one is, so that each draws for itself."""

from __future__ import annotations

import os

from torch import distributed


def rank() -> int:
    """Return this process's rank among those that train together; 0 where there is but one.

    It is that of `torch.distributed`, or before that is initialised the environment's `RANK`, as
    `torchrun` sets it.
    """
    if distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    said = os.environ.get("RANK", "0")
    return int(said) if said.isdigit() else 0
