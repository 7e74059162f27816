"""Generators for one use of a seed, in a process and in the workers of its data loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info

from mixup_multi.integrations.loop.processes import rank
from mixup_multi.streams import stream

WORKERS = 4096
"""The most worker processes of a loader."""


class Streams:
    """Generators for one use of a seed in the main process, and in a loader's workers.

    In the main process one generator goes on from batch to batch. A worker has one of its own, by
    the seed, the process's rank, the worker's number and how often a worker of this number has been
    started, which is counted in shared memory, since workers know no epoch.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._rank = rank()
        self._main = stream(seed, f"mix/rank {self._rank}" if self._rank else "mix")
        self._starts: Tensor = torch.zeros(WORKERS, dtype=torch.int64).share_memory_()  # type: ignore[no-untyped-call]
        self._own: Generator | None = None

    def generator(self) -> Generator:
        """Return the generator of this process."""
        worker = get_worker_info()
        if worker is None:
            return self._main
        if self._own is None:
            start = int(self._starts[worker.id])
            self._starts[worker.id] += 1
            place = f"rank {self._rank}/worker {worker.id}/start {start}"
            self._own = stream(self._seed, f"mix/{place}")
        return self._own

    def __getstate__(self) -> dict[str, Any]:
        """Give workers the generator's state as bytes: a pickled generator cannot be spawned."""
        state = bytes(self._main.get_state().tolist())
        return {**self.__dict__, "_main": state, "_own": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._main = Generator()
        self._main.set_state(torch.tensor(list(state["_main"]), dtype=torch.uint8))

    def state_dict(self) -> dict[str, Tensor]:
        """Return the main process's state, and how often workers were started."""
        return {"generator": self._main.get_state(), "starts": self._starts.clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from where `state_dict` was taken."""
        self._main.set_state(state["generator"].cpu())
        self._starts.copy_(state["starts"])
