"""The processes that train one model together: which rows and which draws are whose.

A step's global batch is that of one process, in the same order of rows; each process takes its
part of it, and the gradient is the mean over all rows. Partners are found within a part. What is
drawn in rank 0 is drawn as in one process; the others' draws follow from the seed, the rank and
the epoch, so that only rank 0 needs a checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn

from mixup_multi.streams import seed_of


@dataclass(frozen=True)
class Ranks:
    """A process's place among those that train a model together.

    Attributes:
        rank: from 0; rank 0 alone evaluates and writes.
        size: how many they are.
        port: where they meet on this machine; of no meaning for one.
    """

    rank: int = 0
    size: int = 1
    port: int = 0

    def reseed(self, seed: int, epoch: int, generators: Mapping[str, Generator]) -> None:
        """Give every rank but 0 its own draws of `epoch`; the order of rows is common to all."""
        if self.rank == 0:
            return
        for name in ("augment", "mix"):
            generators[name].manual_seed(self._seed(seed, name, epoch))
        torch.manual_seed(self._seed(seed, "dropout", epoch))

    def _seed(self, seed: int, name: str, epoch: int) -> int:
        return seed_of(seed, f"{name}/rank {self.rank}/epoch {epoch}")


ALONE = Ranks()
"""One process that trains by itself."""


@dataclass(frozen=True)
class Piece:
    """Rows that go through the model together.

    Attributes:
        rows: `(m,)`.
        share: of the rows of the global batch, in (0, 1].
    """

    rows: Tensor
    share: float = 1.0


def pieces(index: Tensor, accumulate: int, ranks: Ranks) -> list[Piece]:
    """Return the micro-batches of this process in a step over rows `index` `(n,)`.

    All processes have equally many. Each has two rows or more, since BatchNorm has no statistics
    of one row and a lone row has no partner; a last batch that is too small for that is given to
    every process as a whole.
    """
    rows = len(index)
    if rows < 2 * ranks.size:
        return [Piece(index, 1 / ranks.size)]
    own = torch.tensor_split(index, ranks.size)[ranks.rank]
    parts = torch.tensor_split(own, max(1, min(accumulate, rows // (2 * ranks.size))))
    return [Piece(part, len(part) / rows) for part in parts]


def synchronised(model: nn.Module, ranks: Ranks, device: torch.device) -> nn.Module:
    """Return the model with BatchNorm over all processes, where they can: on GPUs."""
    if ranks.size == 1 or device.type != "cuda":
        return model
    synced: nn.Module = nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-untyped-call]
    return synced
