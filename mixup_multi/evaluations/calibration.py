"""How far predicted probabilities can be trusted: all scores, and the reliability diagram."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import numpy as np

from mixup_multi.evaluations.evaluation import Curve, Measured, Subject
from mixup_multi.evaluations.said import Said
from mixup_multi.evaluations.scores import AURC, AUROC, ECE, NLL, Brier, ClasswiseECE
from mixup_multi.evaluations.scoring import BinnedScore, percent
from mixup_multi.metrics import Metric, mean, reliability


class Calibration(BinnedScore):
    """The calibration error and the other scores of a part, with a reliability diagram.

    `ece`, `classwise_ece` and the diagram have the bins asked for; `adaptive_ece` is of bins of
    equal mass. All are in percent but `nll` (nats) and `brier` (0 to 2). Calibration errors are
    biased upwards by few rows a bin, and their intervals more so.
    """

    of_labels = False

    def measure(self, subject: Subject) -> Measured:
        """Return the scores with intervals, and `reliability`, `confidence` and `count` by bin."""
        said = self._said(subject)
        return Measured(self._values(said), self._curves(said))

    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return ece, adaptive_ece, classwise_ece, error, nll, brier, auroc and aurc."""
        of_bins = partial(ECE, bins=self.bins, norm=self.norm)
        of_classes = ClasswiseECE(bins=self.bins, binning=self.binning, norm=self.norm)
        return {
            **of_bins(binning=self.binning).metrics(said),
            "adaptive_ece": of_bins(binning="equal_mass").metrics(said)["ece"],
            **of_classes.metrics(said),
            "error": percent(partial(mean, 1 - said.confidences[1])),
            **NLL().metrics(said),
            **Brier().metrics(said),
            **AUROC().metrics(said),
            **AURC().metrics(said),
        }

    def _curves(self, said: Said) -> dict[str, Curve]:
        """Return curves over the middles of bins, so that those of several cells have a mean."""
        found = reliability(*said.confidences, bins=self.bins, binning=self.binning)
        wide = self.binning == "equal_width"
        over = "confidence" if wide else "share of rows that are less confident"
        middles = tuple(((np.arange(self.bins) + 0.5) / self.bins).tolist())
        by_bin = {
            "reliability": ("share correct", found.accuracy),
            "confidence": ("mean confidence", found.mean_confidence),
            "count": ("rows", found.count),
        }
        return {
            name: Curve(over, label, middles, tuple(values.tolist()))
            for name, (label, values) in by_bin.items()
        }
