"""Scores of batches that come one after another: `update`, `compute`, `reset`.

They take soft targets: rows `(n, c)` of a distribution, as mixing makes them, or class indices
`(n,)`. (torchmetrics' micro accuracy compares soft rows with logits entry by entry, and returns
0.0.) What they keep are sums in float64, so the result is that of all rows at once.

`mixup_multi.integrations.torchmetrics.as_metric` makes a `torchmetrics.Metric` of one.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from mixup_multi.errors import SettingError
from mixup_multi.metrics.binning import BINS, binned
from mixup_multi.metrics.calibration_error import Norm, norm_of
from mixup_multi.metrics.confidence import confidences
from mixup_multi.metrics.rows import Kind, check, rows_of
from mixup_multi.metrics.scores import scores

Sums = Mapping[str, Tensor]


class Streaming(ABC):
    """A score that is a function of sums over rows."""

    _sums: dict[str, Tensor]

    @abstractmethod
    def empty(self) -> dict[str, Tensor]:
        """Return the sums over no row, in float64."""

    @abstractmethod
    def sums(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the sums over a batch's rows."""

    @abstractmethod
    def value(self, sums: Sums) -> Tensor:
        """Return the score, a scalar; NaN of no row."""

    def update(self, logits: Tensor, targets: Tensor) -> None:
        """Take in a batch: logits `(n, c)`, and targets `(n, c)` or class indices `(n,)`.

        Raises:
            SettingError: shapes do not fit, a row's largest logit is not finite, or a target of
                classes does not sum to 1.
        """
        known = self.__dict__.setdefault("_sums", self.empty())
        for name, added in self.sums(logits.detach(), targets.detach()).items():
            known[name] = known[name].to(added.device) + added

    def compute(self) -> Tensor:
        """Return the score of all rows since the last `reset`; NaN where there was none."""
        return self.value(self.__dict__.get("_sums", self.empty()))

    def reset(self) -> Self:
        """Forget all rows."""
        self.__dict__.pop("_sums", None)
        return self


class _Mean(Streaming):
    """The mean of a value of each row."""

    @abstractmethod
    def of_rows(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return `(n,)` in float64."""

    def empty(self) -> dict[str, Tensor]:
        """Return zeros."""
        return {"total": torch.zeros((), dtype=torch.float64), "rows": torch.zeros(()).double()}

    def sums(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return the sum, and the number of rows."""
        values = self.of_rows(logits, targets)
        return {"total": values.sum(), "rows": values.new_tensor(float(len(values)))}

    def value(self, sums: Sums) -> Tensor:
        """Return the mean."""
        return sums["total"] / sums["rows"]


@dataclass(eq=False)
class SoftAccuracy(_Mean):
    """The weight in [0, 1] that targets give to the predicted class; of hard labels the accuracy.

    Attributes:
        top: the weight of the `top` largest logits together; ties go to the first.

    >>> metric = SoftAccuracy()
    >>> metric.update(torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([[0.75, 0.25], [1, 0]]))
    >>> float(metric.compute())
    0.375
    """

    top: int = 1

    def __post_init__(self) -> None:
        if self.top < 1:
            raise SettingError(f"top is {self.top}: expected 1 or more", ("top",))

    def of_rows(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the weight of each row's predictions."""
        if self.top == 1:
            return confidences(logits, targets)[1]
        rows = rows_of(targets, logits)
        check(logits, rows, "classes")
        predicted = logits.topk(min(self.top, logits.shape[1]), 1).indices
        dtype = torch.promote_types(rows.dtype, torch.float32)
        return rows.gather(1, predicted).sum(1, dtype=dtype).double()


@dataclass(eq=False)
class SoftError(_Mean):
    """The weight in [0, 1] that the predicted class misses: 1 less the accuracy."""

    def of_rows(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return what each row's prediction misses."""
        return 1 - confidences(logits, targets)[1]


@dataclass(eq=False)
class MeanNLL(_Mean):
    """The negative log-likelihood in nats; of soft targets the cross-entropy.

    Attributes:
        kind: of columns: `classes`, or independent `labels`.
    """

    kind: Kind = "classes"

    def of_rows(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return each row's."""
        return scores(logits, targets, self.kind).nll


@dataclass(eq=False)
class MeanBrier(_Mean):
    """The Brier score, the sum over classes (0 to 2) or over labels.

    Attributes:
        kind: of columns: `classes`, or independent `labels`.
    """

    kind: Kind = "classes"

    def of_rows(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return each row's."""
        return scores(logits, targets, self.kind).brier


@dataclass(eq=False)
class StreamingECE(Streaming):
    """The calibration error in [0, 1] over bins of equal width.

    Bins of equal mass need all rows at once: `mixup_multi.metrics.calibration_error`.

    Attributes:
        bins: how many.
        norm: over bins.
    """

    bins: int = BINS
    norm: Norm = "l1"

    def empty(self) -> dict[str, Tensor]:
        """Return zeros."""
        return {name: torch.zeros(self.bins, dtype=torch.float64) for name in ("count", "gap")}

    def sums(self, logits: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """Return each bin's rows, and by how much their confidence exceeds their accuracy."""
        found = binned(*confidences(logits, targets), bins=self.bins)
        return {"count": found.count[0], "gap": found.gap[0]}

    def value(self, sums: Sums) -> Tensor:
        """Return the error."""
        found = norm_of(sums["count"], sums["gap"], self.norm)
        return torch.where(sums["count"].sum() > 0, found, torch.nan)
