"""What a method's steps computed, averaged without waiting for the device in every step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from mixup_multi.objectives.objective import Terms

FOLDED = 256
"""After so many steps their values are fetched from the device, so that none pile up there."""


class Averages:
    """Means over rows, and sums of counts, of the steps since they were last taken."""

    def __init__(self) -> None:
        self._steps: list[tuple[int, Terms]] = []
        self._reset()

    def _reset(self) -> None:
        self._sums: dict[str, float] = defaultdict(float)
        self._rows: dict[str, int] = defaultdict(int)
        self._counts: dict[str, float] = defaultdict(float)

    def add(self, terms: Terms, rows: int) -> None:
        """Take in a step's terms, detached, over so many rows."""
        self._steps.append((rows, terms))
        if len(self._steps) >= FOLDED:
            self._fold()

    def take(self) -> dict[str, float]:
        """Return `loss`, the means and the counts by name, and begin anew; empty without steps."""
        self._fold()
        means = {name: total / self._rows[name] for name, total in self._sums.items()}
        taken = {**means, **self._counts}
        self._reset()
        return taken

    def _fold(self) -> None:
        means: dict[str, list[tuple[int, Tensor]]] = defaultdict(list)
        counts: dict[str, list[Tensor]] = defaultdict(list)
        for rows, terms in self._steps:
            for name, value in {"loss": terms.total, **terms.means}.items():
                means[name].append((rows, value))
            for name, value in terms.counts.items():
                counts[name].append(value)
        for name, column in means.items():
            sizes = [rows for rows, _ in column]
            values = fetched([value for _, value in column])
            self._sums[name] += float(values @ torch.tensor(sizes, dtype=torch.float64))
            self._rows[name] += sum(sizes)
        for name, values_of in counts.items():
            self._counts[name] += float(fetched(values_of).sum())
        self._steps.clear()


def fetched(scalars: Sequence[Tensor]) -> Tensor:
    """Return scalars as one tensor `(t,)` in float64 on the CPU, in one transfer."""
    return torch.stack([torch.as_tensor(one).detach() for one in scalars]).cpu().double()
