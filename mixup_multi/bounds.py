"""What a legal perturbation of an input is: the adapter's range, and the unit of its size.

Sizes of perturbations are given in units that people know (images: pixels in [0, 1]; tables:
standard deviations of a feature) and applied to what the model reads (normalised pixels). At a
hidden point there is no range, and a size of 1 is the root mean square of what flows there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from torch import Tensor

from mixup_multi.errors import SettingError


@dataclass(frozen=True)
class Bounds:
    """Where inputs may lie; all tensors broadcast against an input `(n, ...)`.

    Attributes:
        unit: what a perturbation of size 1 adds to an input; 0 where it must not be changed.
        low: the least legal input; None where there is none.
        high: the largest legal input; None where there is none.
        largest: the largest size that has a meaning, that of the whole range; infinite without.
        words: what sizes are measured in, for messages and tables, e.g. "pixels in [0, 1]".
    """

    unit: Tensor
    low: Tensor | None = None
    high: Tensor | None = None
    largest: float = float("inf")
    words: str = "the inputs' own units"

    def to(self, like: Tensor) -> Self:
        """Return the bounds on the device and in the type of `like`."""

        def moved(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(like, non_blocking=True)

        low, high = moved(self.low), moved(self.high)
        return type(self)(self.unit.to(like), low, high, self.largest, self.words)

    @classmethod
    def hidden(cls, flow: Tensor) -> Self:
        """Return the bounds of `flow` `(n, ...)` at a hidden point: its unit is its size."""
        unit = flow.detach().float().square().mean().sqrt().to(flow.dtype)
        return cls(unit, words="root mean squares of the hidden states")

    def check(self, name: str, size: float) -> None:
        """Raise `SettingError` where a size is larger than the whole range."""
        if size > self.largest:
            hint = f"; write {size:g}/255 if 8-bit steps are meant" if size >= 1 else ""
            raise SettingError(
                f"{name} is {size:g}: expected at most {self.largest:g}, the whole range, in units"
                f" of {self.words}{hint}"
            )
