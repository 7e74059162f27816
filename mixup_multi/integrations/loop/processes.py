"""Which of several processes this one is, so that each draws for itself."""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Generator, Tensor, distributed

from mixup_multi.streams import stream


def rank() -> int:
    """Return this process's rank among those that train together; 0 where there is but one.

    It is that of `torch.distributed`, or before that is initialised the environment's `RANK`, as
    `torchrun` sets it, or `LOCAL_RANK`, as Lightning sets it in the processes that it starts.
    """
    if distributed.is_available() and distributed.is_initialized():
        return int(distributed.get_rank())
    said = os.environ.get("RANK") or os.environ.get("LOCAL_RANK", "0")
    return int(said) if said.isdigit() else 0


class ProcessStream:
    """One use of a seed in this process, by its rank.

    The rank is read at the first draw: what draws is often made before its process knows it.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._made: Generator | None = None

    def generator(self) -> Generator:
        """Return the generator, which goes on from draw to draw."""
        if self._made is None:
            self._made = self._new()
        return self._made

    def state(self) -> Tensor:
        """Return the generator's state."""
        made = self._made or self._new()
        return made.get_state()

    def load(self, state: Tensor) -> None:
        """Go on from where `state` was taken."""
        self._made = Generator()
        self._made.set_state(state.cpu())

    def __getstate__(self) -> dict[str, Any]:
        """Give the generator's state as bytes: a pickled generator cannot be spawned."""
        made = None if self._made is None else bytes(self._made.get_state().tolist())
        return {"_seed": self._seed, "_made": made}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._seed, self._made = state["_seed"], None
        if state["_made"] is not None:
            self.load(torch.tensor(list(state["_made"]), dtype=torch.uint8))

    def _new(self) -> Generator:
        own = rank()
        return stream(self._seed, f"mix/rank {own}" if own else "mix")
