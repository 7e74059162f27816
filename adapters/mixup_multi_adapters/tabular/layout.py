"""Where an encoded row has what: numbers, missing flags, one-hot blocks, codes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor

from mixup_multi.tree import Tree

from .encode import Encoder


@dataclass(frozen=True)
class Columns:
    """Where an encoded row has what, and what training says of it.

    Attributes:
        mean: `(p,)` of each numeric column, as it is encoded.
        spread: `(p,)` its training standard deviation; 0 where it is constant.
        fill: `(p,)` the encoded training median.
        flags: for each numeric column the place of its missing flag, or None.
        blocks: first place and length of each one-hot column; none where levels are embedded.
        cardinalities: the codes of each embedded column, with code 0; else empty.
    """

    mean: Tensor
    spread: Tensor
    fill: Tensor
    flags: tuple[int | None, ...]
    blocks: tuple[tuple[int, int], ...]
    cardinalities: tuple[int, ...]

    @classmethod
    def of(cls, encoder: Encoder, train: Tree) -> Columns:
        """Return what `encoder` and the encoded training rows say."""
        count = len(encoder.numbers)
        numbers = numeric_part(train)[:, :count].double()
        fits = encoder.numbers
        fill = [(fit.fill - fit.centre) * fit.factor for fit in fits]
        place, flags = count, []
        for fit in fits:
            flags.append(place if fit.flagged else None)
            place += fit.flagged
        blocks = []
        for codes in () if encoder.embed else encoder.codes:
            blocks.append((place, codes.seen))
            place += codes.seen
        return cls(
            mean=numbers.mean(0).float(),
            spread=(numbers - numbers.mean(0)).square().mean(0).sqrt().float(),
            fill=torch.tensor(fill),
            flags=tuple(flags),
            blocks=tuple(blocks),
            cardinalities=encoder.cardinalities,
        )

    @property
    def numbers(self) -> int:
        """How many numeric columns there are."""
        return len(self.fill)

    @property
    def levels(self) -> tuple[int, ...]:
        """The number of levels seen of each categorical column."""
        return tuple(n for _, n in self.blocks) or tuple(n - 1 for n in self.cardinalities)


def numeric_part(rows: Tree) -> Tensor:
    """Return the floating-point columns of encoded rows."""
    return cast(Tensor, rows["numeric"] if isinstance(rows, Mapping) else rows)
