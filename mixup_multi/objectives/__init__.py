"""Objectives: what a training step minimises, as `draw` (all randomness) and `loss` (pure)."""

from mixup_multi.objectives.adversarial import Adversarial
from mixup_multi.objectives.batchout import Batchout
from mixup_multi.objectives.changed import Changed
from mixup_multi.objectives.cutout import Cutout
from mixup_multi.objectives.erm import ERM, score
from mixup_multi.objectives.gaussian import Gaussian
from mixup_multi.objectives.layerwise import LayerWise
from mixup_multi.objectives.losses import (
    LOSSES,
    Loss,
    Sigmoid,
    Softmax,
    SoftmaxBCE,
    Squared,
    loss_named,
)
from mixup_multi.objectives.mixupe import MixupE
from mixup_multi.objectives.objective import Draw, Memory, Objective, Rows, Terms, TrainingPart
from mixup_multi.objectives.regmixup import RegMixup
from mixup_multi.objectives.smoothing import LabelSmoothing
from mixup_multi.objectives.switch import Switch
from mixup_multi.objectives.trades import Trades
from mixup_multi.objectives.vicinal import Vicinal

__all__ = [
    "ERM",
    "LOSSES",
    "Adversarial",
    "Batchout",
    "Changed",
    "Cutout",
    "Draw",
    "Gaussian",
    "LabelSmoothing",
    "LayerWise",
    "Loss",
    "Memory",
    "MixupE",
    "Objective",
    "RegMixup",
    "Rows",
    "Sigmoid",
    "Softmax",
    "SoftmaxBCE",
    "Squared",
    "Switch",
    "Terms",
    "Trades",
    "TrainingPart",
    "Vicinal",
    "loss_named",
    "score",
]
