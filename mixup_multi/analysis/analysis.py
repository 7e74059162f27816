"""The contract of an analysis: settings, numbers, and a figure drawn from them alone.

What is drawn stands in the CSV beside the figure, so that anybody can draw it otherwise.
"""

from __future__ import annotations

import csv
import io
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Found:
    """What an analysis found.

    Attributes:
        headings: of the columns of values.csv.
        rows: its lines.
        values: the few numbers that sum it up, by what they are.
    """

    headings: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    values: Mapping[str, float]

    def column(self, name: str, **where: Any) -> np.ndarray:
        """Return a column of the rows whose other columns have the values of `where`."""
        asked = {self.headings.index(key): value for key, value in where.items()}
        at = self.headings.index(name)
        rows = (row for row in self.rows if all(row[i] == value for i, value in asked.items()))
        return np.array([row[at] for row in rows])

    def distinct(self, name: str) -> list[Any]:
        """Return what stands in a column, each once, in order of appearance."""
        at = self.headings.index(name)
        return list(dict.fromkeys(row[at] for row in self.rows))

    def csv(self) -> str:
        """Return headings and rows as CSV, numbers with ten significant digits."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(self.headings)
        for row in self.rows:
            writer.writerow([f"{x:.10g}" if isinstance(x, float) else x for x in row])
        return buffer.getvalue()


class Analysis(ABC):
    """Frozen settings of an analysis.

    Attributes:
        size: width and height of its figure in inches.
    """

    entry_points: ClassVar[str] = "mixup_multi.analyses"
    size: ClassVar[tuple[float, float]] = (7.2, 3.2)

    @property
    @abstractmethod
    def caption(self) -> str:
        """What the figure shows, with the equation's source; one or two sentences."""

    @abstractmethod
    def compute(self, root: Path, device: torch.device) -> Found:
        """Return the numbers.

        Args:
            root: the data root.
            device: where models of adapters are trained; small sums are made on the CPU.

        Raises:
            MixupMultiError: the data are missing, or do not fit.
        """

    @abstractmethod
    def draw(self, found: Found, figure: Figure) -> None:
        """Draw the numbers on an empty figure."""
