"""Scores of soft targets as torchmetrics: in collections, in Lightning, summed over processes.

    from mixup_multi.integrations.torchmetrics import as_metric
    accuracy = as_metric(SoftAccuracy())
    accuracy.update(logits, targets)   # targets (n, c) soft, or class indices (n,)

torchmetrics is not installed with this package: pip install torchmetrics.
"""

from __future__ import annotations

import re
from typing import Any

from torch import Tensor

from mixup_multi.errors import SettingError
from mixup_multi.metrics.streaming import Streaming

try:
    from torchmetrics import Metric
except ImportError as error:
    raise SettingError(
        f"mixup_multi.integrations.torchmetrics needs torchmetrics, which cannot be imported"
        f" ({error}); install it with: pip install torchmetrics. The scores of"
        " mixup_multi.metrics do without"
    ) from error

__all__ = ["as_metric"]


class _AsMetric(Metric):  # type: ignore[misc,unused-ignore]
    """A streaming score whose sums torchmetrics keeps, resets, and adds up over processes."""

    full_state_update = False

    def __init__(self, score: Streaming, **settings: Any) -> None:
        super().__init__(**settings)
        self.score = score
        self._names = {name: f"{_identity(score)}_{name}" for name in score.empty()}
        for name, zero in score.empty().items():
            self.add_state(self._names[name], default=zero, dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Take in a batch; see `Streaming.update`."""
        for name, added in self.score.sums(logits.detach(), targets.detach()).items():
            state = self._names[name]
            setattr(self, state, getattr(self, state) + added)

    def compute(self) -> Tensor:
        """Return the score of all rows."""
        return self.score.value({name: getattr(self, state) for name, state in self._names.items()})


def _identity(score: Streaming) -> str:
    """Return a score's class and settings as a name.

    A collection takes metrics for one whose states have equal names and are equal after the first
    batch, and keeps only the first of them up to date.
    """
    settings = {name: value for name, value in vars(score).items() if not name.startswith("_")}
    kind = type(score)
    return re.sub(r"\W+", "_", f"{kind.__module__}.{kind.__qualname__}{settings}")


def as_metric(score: Streaming, **settings: Any) -> Metric:
    """Return a score as a `torchmetrics.Metric`.

    Args:
        score: e.g. `SoftAccuracy()`.
        settings: of `torchmetrics.Metric`, e.g. `dist_sync_on_step`.
    """
    return _AsMetric(score, **settings)
