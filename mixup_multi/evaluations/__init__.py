"""Evaluations: what is asked of a trained model beyond the error on its test part.

Each is a small set of settings with one method, `measure`, which looks at a model and its data
and changes neither. They are known by name, as methods are, so that a recipe can ask for them.
"""

from mixup_multi.evaluations.corruption import Corruption
from mixup_multi.evaluations.deformation import Deformation
from mixup_multi.evaluations.error import Error
from mixup_multi.evaluations.evaluation import Curve, Evaluation, Measured, Subject

__all__ = ["Corruption", "Curve", "Deformation", "Error", "Evaluation", "Measured", "Subject"]
