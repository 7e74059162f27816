"""Laws of the share that are not symmetric, and may extrapolate: intervals and choices."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import FixedShare, Per, check_per


@dataclass(frozen=True, slots=True)
class UniformShare:
    """own ~ U[low, high], one for the batch or one for each row; above 1 it extrapolates.

    Raises:
        SettingError: an end is infinite or NaN, or low is above high; per is neither.
    """

    low: float
    high: float
    per: Per = "batch"

    def __post_init__(self) -> None:
        if not -float("inf") < self.low <= self.high < float("inf"):
            raise SettingError(
                f"own share in [{self.low}, {self.high}]: expected two finite numbers, low <= high"
            )
        check_per(self.per)

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Return `(1,)` or `(n,)` shares in float64."""
        size = 1 if self.per == "batch" else n
        uniform = torch.rand(size, dtype=torch.float64, generator=generator)
        return self.low + (self.high - self.low) * uniform

    @property
    def mean_rest(self) -> float:
        """2 E[own (1 - own)] = low + high - 2 (low^2 + low high + high^2) / 3."""
        low, high = self.low, self.high
        return low + high - 2 * (low * low + low * high + high * high) / 3


@dataclass(frozen=True, slots=True)
class ChoiceShare:
    """own is one of several values, drawn with given chances.

    Args:
        values: the shares; outside [0, 1] they extrapolate.
        chances: as many numbers >= 0 that sum to 1.
        per: `batch` or `row`.

    Raises:
        SettingError: the values are not finite, or the chances no distribution over them.
    """

    values: tuple[float, ...]
    chances: tuple[float, ...]
    per: Per = "batch"

    def __post_init__(self) -> None:
        for value in self.values:
            FixedShare(value)
        negative = any(not chance >= 0 for chance in self.chances)
        if len(self.values) != len(self.chances) or negative or abs(sum(self.chances) - 1) > 1e-6:
            raise SettingError(
                f"chances are {list(self.chances)}: expected {len(self.values)} numbers >= 0, one"
                " for each value, that sum to 1",
                ("chances",),
            )
        check_per(self.per)

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Return `(1,)` or `(n,)` shares in float64."""
        size = 1 if self.per == "batch" else n
        chances = torch.tensor(self.chances, dtype=torch.float64)
        drawn = torch.multinomial(chances, size, replacement=True, generator=generator)
        return torch.tensor(self.values, dtype=torch.float64)[drawn]

    @property
    def mean_rest(self) -> float:
        """2 E[own (1 - own)]."""
        pairs = zip(self.values, self.chances, strict=True)
        return sum(2 * chance * own * (1 - own) for own, chance in pairs)
