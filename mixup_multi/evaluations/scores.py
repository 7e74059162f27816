"""One score each, as a column of a table: nll, brier, ece, classwise_ece, auroc and aurc.

What each is stands in `mixup_multi.metrics`. All but NLL and Brier are in percent.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from mixup_multi.evaluations.said import Said
from mixup_multi.evaluations.scoring import BinnedScore, Score, percent
from mixup_multi.metrics import (
    Metric,
    auroc,
    calibration_error,
    classwise_error,
    mean,
    risk_coverage_area,
)


class NLL(Score):
    """The negative log-likelihood, whatever loss was trained with; the sum over labels."""

    unit = "nats"

    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return `nll`."""
        return {"nll": partial(mean, said.scores.nll)}


class Brier(Score):
    """The Brier score: the sum over classes, from 0 to 2; the sum over several labels."""

    unit = "(sum)"

    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return `brier`."""
        return {"brier": partial(mean, said.scores.brier)}


class ECE(BinnedScore):
    """The calibration error of the predicted class; adaptive with bins of equal mass."""

    of_labels = False

    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return `ece`, in percent."""
        error = partial(calibration_error, bins=self.bins, binning=self.binning, norm=self.norm)
        return {"ece": percent(partial(error, *said.confidences))}


class ClasswiseECE(BinnedScore):
    """The mean over classes, or labels, of the calibration error of their probabilities."""

    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return `classwise_ece`, in percent."""
        error = partial(classwise_error, bins=self.bins, binning=self.binning, norm=self.norm)
        return {"classwise_ece": percent(partial(error, said.probabilities, said.outputs.targets))}


class AUROC(Score):
    """How well confidence tells right from wrong predictions; NaN where there is but one kind."""

    of_labels = False

    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return `auroc`, in percent: 50 is chance."""
        return {"auroc": percent(partial(auroc, *said.confidences))}


class AURC(Score):
    """The area under the risk-coverage curve: the error of the surest, over how many they are."""

    of_labels = False

    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return `aurc`, in percent."""
        return {"aurc": percent(partial(risk_coverage_area, *said.confidences))}
