"""Generators for one use of a seed, in a process and in the workers of its data loaders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Generator, Tensor
from torch.utils.data import get_worker_info

from mixup_multi.integrations.loop.processes import ProcessStream, rank
from mixup_multi.streams import stream

WORKERS = 4096
"""The most worker processes of a loader."""

RANKS = 16
"""The most processes of one machine that share a count, by being forked or spawned with it."""


class Streams:
    """Generators for one use of a seed in the main process, and in a loader's workers.

    In the main process one generator goes on from batch to batch. A worker has one of its own, by
    the seed, the process's rank, the worker's number and how often a worker of this number has been
    started, which is counted in shared memory, since workers know no epoch. Ranks are read at the
    first draw.

    With `persistent_workers=True` a worker is started once and draws on through all epochs. How far
    it has come is its own knowledge: a run that is resumed starts new ones, whose draws are others
    than those of the uninterrupted run.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._main = ProcessStream(seed)
        self._sender = 0  # the rank of the process that spawned this one
        self._starts = _shared(torch.zeros(RANKS, WORKERS, dtype=torch.int64))
        self._own: Generator | None = None

    def generator(self) -> Generator:
        """Return the generator of this process."""
        worker = get_worker_info()
        if worker is None:
            return self._main.generator()
        if self._own is None:
            # A forked worker knows its process's rank, a spawned one only what it was sent.
            own = rank() or self._sender
            starts = self._starts[own % RANKS]
            place = f"rank {own}/worker {worker.id}/start {int(starts[worker.id])}"
            starts[worker.id] += 1
            self._own = stream(self._seed, f"mix/{place}")
        return self._own

    def __getstate__(self) -> dict[str, Any]:
        """Leave a worker's own generator out, and say to spawned ones whose they are."""
        return {**self.__dict__, "_sender": rank(), "_own": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Share the count of starts with workers again: of a copy it is ordinary memory."""
        self.__dict__.update(state)
        self._starts = _shared(self._starts)

    def state_dict(self) -> dict[str, Tensor]:
        """Return the main process's state, and how often workers were started."""
        return {"generator": self._main.state(), "starts": self._starts[rank() % RANKS].clone()}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from where `state_dict` was taken."""
        self._main.load(state["generator"])
        self._starts.copy_(state["starts"])  # of all ranks, since the own may not be known yet


def _shared(starts: Tensor) -> Tensor:
    """Return it in memory that workers share; one that is there already as it is."""
    shared: Tensor = starts.share_memory_()  # type: ignore[no-untyped-call]
    return shared
