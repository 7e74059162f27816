"""Predictors: from a trained model and inputs to probabilities, by one pass or by many.

A predictor changes nothing of the model; what it needs of the data it takes from the training
part. `as_model` shows one as a model, e.g. to an attack that knows of it.
"""

from mixup_multi.predict.as_model import as_model
from mixup_multi.predict.combined_inference import CombinedInference
from mixup_multi.predict.mixup_inference import MixupInference
from mixup_multi.predict.plain import Plain
from mixup_multi.predict.pool import Pool, Pooling
from mixup_multi.predict.predictor import Predictor
from mixup_multi.predict.presets import mi_combined, mi_ol, mi_pl

__all__ = [
    "CombinedInference",
    "MixupInference",
    "Plain",
    "Pool",
    "Pooling",
    "Predictor",
    "as_model",
    "mi_combined",
    "mi_ol",
    "mi_pl",
]
