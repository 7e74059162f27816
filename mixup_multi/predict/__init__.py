"""Predictors: from a trained model and inputs to probabilities, by one pass or by many.

A predictor changes nothing of the model; what it needs of the data it takes from the training
part. `as_model` shows one as a model, e.g. to an attack that knows of it.
"""

from mixup_multi.predict.as_model import as_model
from mixup_multi.predict.plain import Plain
from mixup_multi.predict.predictor import Predictor

__all__ = ["Plain", "Predictor", "as_model"]
