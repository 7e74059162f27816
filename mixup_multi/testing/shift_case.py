"""A corruption or a deformation of a data set, to be held to the contract of shifts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from mixup_multi.engine.shift import Deformation, Shift
from mixup_multi.engine.source import Source
from mixup_multi.errors import MixupMultiError, SettingError
from mixup_multi.testing.compare import tensors_of
from mixup_multi.testing.contract import skip
from mixup_multi.testing.offers import DataCase

EXTENTS = (0.0, 10.0, 20.0, 60.0, 80.0, 120.0, 140.0, 1.0, 0.1)
"""Ranges that a deformation may know, in degrees, percent, or shares."""


@dataclass(frozen=True)
class ShiftCase:
    """A shift of a data set.

    Attributes:
        label: the data set's name and the shift's.
        data: the data set.
        shift: the corruption or deformation.
        made: whether it is made here, rather than read from published files.
    """

    label: str
    data: DataCase
    shift: Shift | Deformation
    made: bool

    @property
    def source(self) -> Source:
        """The part that is changed; no rule applies where the shift needs what is not there."""
        if isinstance(self.shift, Shift):
            try:
                self.shift.check(self.data.data.test)
            except MixupMultiError as error:
                skip(str(error))
        return self.data.data.test

    @cached_property
    def sizes(self) -> tuple[Any, ...]:
        """Severities, or two ranges that a deformation knows, the smaller first."""
        if isinstance(self.shift, Shift):
            return (1, 2, 3, 4, 5)
        known = []
        for extent in EXTENTS:
            try:
                self.shift.check(extent)
                known.append(extent)
            except SettingError:
                continue
        return tuple(known[1:3]) if len(known) > 2 else tuple(known)

    def at(self, size: Any, seed: int = 0) -> Source:
        """Return the source at a severity, or a range."""
        if isinstance(self.shift, Shift):
            return self.shift.of(self.source, size, seed)
        return self.shift.of(self.source, size, seed, exact=True)

    def read(self, source: Source, index: list[int]) -> list[Tensor]:
        """Return the tensors of the examples at `index`, which is taken within the part."""
        places = torch.tensor(index) % len(source)
        return tensors_of(source.gather(places).inputs)


def shift_cases(data: DataCase) -> Iterator[ShiftCase]:
    """Yield what a data set offers, where it can be loaded."""
    if data.absence:
        return
    shifts = data.data.shifts
    made: dict[str, Shift | Deformation] = {**shifts.made, **shifts.deformations}
    for name, shift in made.items():
        yield ShiftCase(f"{data.label}/{name}", data, shift, made=True)
    for name, shift in shifts.published.items():
        yield ShiftCase(f"{data.label}/{name} (published)", data, shift, made=False)
