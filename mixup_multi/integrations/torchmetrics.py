"""Scores of soft targets as torchmetrics: in collections, in Lightning, summed over processes.

    from mixup_multi.integrations.torchmetrics import as_metric
    accuracy = as_metric(SoftAccuracy())
    accuracy.update(logits, targets)   # targets (n, c) soft, or class indices (n,)

torchmetrics is not installed with this package: pip install torchmetrics.
"""

from __future__ import annotations

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
        for name, zero in score.empty().items():
            self.add_state(f"sum_{name}", default=zero, dist_reduce_fx="sum")

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Take in a batch; see `Streaming.update`."""
        for name, added in self.score.sums(logits.detach(), targets.detach()).items():
            setattr(self, f"sum_{name}", getattr(self, f"sum_{name}") + added)

    def compute(self) -> Tensor:
        """Return the score of all rows."""
        return self.score.value({name: getattr(self, f"sum_{name}") for name in self.score.empty()})


def as_metric(score: Streaming, **settings: Any) -> Metric:
    """Return a score as a `torchmetrics.Metric`.

    Args:
        score: e.g. `SoftAccuracy()`.
        settings: of `torchmetrics.Metric`, e.g. `dist_sync_on_step`.
    """
    return _AsMetric(score, **settings)
