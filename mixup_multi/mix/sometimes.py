"""A share that mixes with some probability: own ~ p L + (1 - p) [own = 1], for any law L.

With one share for the batch it is the batch that is mixed or not (timm's `prob`), with one for
each row it is the row.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import Share


@dataclass(frozen=True, slots=True)
class Sometimes:
    """`share` with probability `p`, otherwise the row as it is.

    Raises:
        SettingError: p is not in [0, 1].
    """

    share: Share
    p: float

    def __post_init__(self) -> None:
        if not 0 <= self.p <= 1:
            raise SettingError(f"p is {self.p}: expected a probability, 0 to 1", ("p",))

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Return `(1,)` or `(n,)` shares in float64."""
        own = self.share.draw(n, generator)
        mixed = torch.rand(len(own), dtype=torch.float64, generator=generator) < self.p
        return torch.where(mixed, own, torch.ones_like(own))

    @property
    def mean_rest(self) -> float:
        """p E[1 - own]: 2 E[own (1 - own)] of the mixture, whose other part contributes 0."""
        return self.p * self.share.mean_rest
