"""What a legal perturbation of an input is: the adapter's range, and the unit of its size.

Sizes of perturbations are given in units that people know (images: pixels in [0, 1]; tables:
standard deviations of a feature) and applied to what the model reads (normalised pixels). At a
hidden point there is no range, and a size of 1 is the root mean square of what flows there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor

from mixup_multi.errors import SettingError


@dataclass(frozen=True)
class Bounds:
    """Where inputs may lie; all tensors broadcast against an input `(n, ...)`.

    Attributes:
        unit: what a perturbation of size 1 adds to an input; 0 where it must not be changed.
        low: the least legal input; None where there is none.
        high: the largest legal input; None where there is none.
        largest: the largest size of one entry that has a meaning, that of the whole range;
            infinite without.
        diameter: the largest L2 size that has a meaning, from one corner of the range to the
            opposite one; infinite without.
        words: what sizes are measured in, for messages and tables, e.g. "pixels in [0, 1]".
    """

    unit: Tensor
    low: Tensor | None = None
    high: Tensor | None = None
    largest: float = float("inf")
    diameter: float = float("inf")
    words: str = "the inputs' own units"

    @classmethod
    def between(cls, low: Tensor, high: Tensor, unit: Tensor, like: Tensor, words: str) -> Self:
        """Return the bounds of a range; the widest entry, in units, says what is too large.

        Args:
            low: the least legal input.
            high: the largest legal input.
            unit: what a size of 1 adds.
            like: an input without its row, `(...)`, that the others broadcast against.
            words: what sizes are measured in.
        """
        free = unit > 0
        width = torch.where(free, (high - low).double() / torch.where(free, unit, 1), 0)
        diameter = width.expand(like.shape).square().sum().sqrt()
        return cls(unit, low, high, float(width.max()), float(diameter), words)

    def to(self, like: Tensor) -> Self:
        """Return the bounds on the device and in the type of `like`."""

        def moved(tensor: Tensor | None) -> Tensor | None:
            return None if tensor is None else tensor.to(like, non_blocking=True)

        low, high = moved(self.low), moved(self.high)
        return replace(self, unit=self.unit.to(like, non_blocking=True), low=low, high=high)

    @classmethod
    def hidden(cls, flow: Tensor) -> Self:
        """Return the bounds of `flow` `(n, ...)` at a hidden point: its unit is its size."""
        wide = flow.detach().to(torch.promote_types(flow.dtype, torch.float32))
        unit = wide.square().mean().sqrt().to(flow.dtype)
        return cls(unit, words="root mean squares of the hidden states")

    def check(self, name: str, size: float, norm: str = "linf") -> None:
        """Raise `SettingError` where a size is larger than the whole range."""
        limit = self.largest if norm == "linf" else self.diameter
        if size > limit:
            whole = "the whole range" if norm == "linf" else "from corner to corner of the range"
            eighth = norm == "linf" and self.largest == 1
            hint = f"; write {size:g}/255 if 8-bit steps are meant" if eighth else ""
            raise SettingError(
                f"{name} is {size:g}: expected at most {limit:g}, {whole}, in units of"
                f" {self.words}{hint}",
                (name,),
            )


def pixels(
    mean: float | Sequence[float],
    std: float | Sequence[float],
    shape: tuple[int, int, int] | None = None,
) -> Bounds:
    """Return the bounds of images `(n, c, h, w)` that were normalised as (pixel - mean) / std.

    Perturbations are then measured in pixels in [0, 1], e.g. 8/255.

    Args:
        mean, std: of pixels in [0, 1], one number or one a channel, as torchvision's `Normalize`.
        shape: an image's `(c, h, w)`, by which L2 sizes beyond the whole range are refused.

    Raises:
        SettingError: they are not equally many, or a std is not above 0.

    >>> pixels(0.5, 0.25).low.tolist()
    [[[-2.0]]]
    """
    centre, spread = (_channels(each) for each in (mean, std))
    if centre.shape != spread.shape or centre.dim() != 1 or not bool((spread > 0).all()):
        raise SettingError(
            f"mean is {mean} and std {std}: expected one number each, or one a channel, and every"
            " std above 0"
        )
    centre, spread = centre[:, None, None], spread[:, None, None]
    low, high = -centre / spread, (1 - centre) / spread
    said = Bounds(1 / spread, low, high, 1.0, words="pixels in [0, 1]")
    return said if shape is None else replace(said, diameter=math.prod(shape) ** 0.5)


def _channels(values: float | Sequence[float]) -> Tensor:
    found = torch.as_tensor(values, dtype=torch.float32)
    return found[None] if found.dim() == 0 else found
