"""Scores of predicted probabilities: proper scores, calibration, and what confidence is worth.

Everything is a function of tensors: of logits or probabilities `(n, c)` and soft targets `(n, c)`,
or of what `confidences` and `scores` make of them for each row. Metrics take weights of rows,
which is all that `intervals` needs:

    ece = partial(calibration_error, *confidences(logits, targets))
    nll = partial(mean, scores(logits, targets).nll)
    found = intervals({"ece": ece, "nll": nll}, len(logits), 1000, generator)
"""

from mixup_multi.metrics.auroc import auroc
from mixup_multi.metrics.binning import BINS, Binned, Binning, binned
from mixup_multi.metrics.bootstrap import intervals
from mixup_multi.metrics.calibration_error import Norm, calibration_error
from mixup_multi.metrics.classwise import classwise_error
from mixup_multi.metrics.confidence import confidences
from mixup_multi.metrics.reliability import Reliability, reliability
from mixup_multi.metrics.risk_coverage import risk_coverage_area
from mixup_multi.metrics.rows import Kind, probabilities
from mixup_multi.metrics.scores import Scores, scores
from mixup_multi.metrics.streaming import (
    MeanBrier,
    MeanNLL,
    SoftAccuracy,
    SoftError,
    Streaming,
    StreamingECE,
)
from mixup_multi.metrics.temperature import LIMITS, fitted_temperature
from mixup_multi.metrics.weights import Metric, mean

__all__ = [
    "BINS",
    "LIMITS",
    "Binned",
    "Binning",
    "Kind",
    "MeanBrier",
    "MeanNLL",
    "Metric",
    "Norm",
    "Reliability",
    "Scores",
    "SoftAccuracy",
    "SoftError",
    "Streaming",
    "StreamingECE",
    "auroc",
    "binned",
    "calibration_error",
    "classwise_error",
    "confidences",
    "fitted_temperature",
    "intervals",
    "mean",
    "probabilities",
    "reliability",
    "risk_coverage_area",
    "scores",
]
