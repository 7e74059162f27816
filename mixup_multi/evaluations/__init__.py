"""Evaluations: what is asked of a trained model beyond the error on its test part.

Each is a small set of settings with one method, `measure`, which looks at a model and its data
and changes neither. They are known by name, as methods are, so that a recipe can ask for them.
"""

from mixup_multi.evaluations.calibration import Calibration
from mixup_multi.evaluations.corruption import Corruption
from mixup_multi.evaluations.deformation import Deformation
from mixup_multi.evaluations.error import Error
from mixup_multi.evaluations.evaluation import Curve, Evaluation, Measured, Subject
from mixup_multi.evaluations.flattening import Flattening
from mixup_multi.evaluations.in_between import InBetween
from mixup_multi.evaluations.linear_probe import LinearProbe
from mixup_multi.evaluations.local_linearity import LocalLinearity
from mixup_multi.evaluations.margins import Margins
from mixup_multi.evaluations.robustness import Robustness
from mixup_multi.evaluations.scores import AURC, AUROC, ECE, NLL, Brier, ClasswiseECE

__all__ = [
    "AURC",
    "AUROC",
    "ECE",
    "NLL",
    "Brier",
    "Calibration",
    "ClasswiseECE",
    "Corruption",
    "Curve",
    "Deformation",
    "Error",
    "Evaluation",
    "Flattening",
    "InBetween",
    "LinearProbe",
    "LocalLinearity",
    "Margins",
    "Measured",
    "Robustness",
    "Subject",
]
