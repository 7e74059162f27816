"""Shifts: the examples of a part, changed on purpose, to ask a trained model about.

A corruption has a severity, 1 to 5, and 0 changes nothing; a deformation has a range. Either makes
of a source another one of the same ids and labels (`engine.shifted` makes such sources).

An adapter's loaders put what they offer into `Data.shifts`: only they know what a stored example
is, and where the published files of a data set lie.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mixup_multi.engine.source import Source

__all__ = ["SEVERITIES", "Deformation", "Shift", "Shifts"]

SEVERITIES = (1, 2, 3, 4, 5)
"""Of corruptions, from the weakest to the strongest."""


class Shift(ABC):
    """A corruption that an adapter offers.

    Attributes:
        standard: whether it is one of those that `standard` means, or an extra one.
    """

    standard: bool = True

    @abstractmethod
    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return the examples of `source` at a severity from 1 to 5; `source` itself at 0.

        Raises:
            DataError: files that it needs are missing or damaged.
        """

    def check(self, source: Source) -> None:  # noqa: B027  (most need nothing)
        """Raise the error of `of` that can be known without making anything."""


class Deformation(ABC):
    """A geometric change, as large as a range says, that an adapter offers."""

    @abstractmethod
    def of(self, source: Source, extent: float, seed: int, *, exact: bool) -> Source:
        """Return the deformed examples of `source`.

        Args:
            source: a part of the data.
            extent: the range, in the deformation's own unit (degrees, percent).
            seed: of what is drawn.
            exact: geometrically exact, instead of as the papers' code does it.

        Raises:
            SettingError: the range is outside of what the deformation knows.
        """

    def check(self, extent: float) -> None:  # noqa: B027  (any range may do)
        """Raise the `SettingError` of `of`."""


@dataclass(frozen=True)
class Shifts:
    """What an adapter offers for a data set, by name.

    Attributes:
        made: corruptions that are made here, when they are asked for.
        published: corruptions that are read from published files.
        deformations: geometric changes.
    """

    made: Mapping[str, Shift] = field(default_factory=dict)
    published: Mapping[str, Shift] = field(default_factory=dict)
    deformations: Mapping[str, Deformation] = field(default_factory=dict)
