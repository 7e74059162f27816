"""scikit-learn estimators: the methods on tables, for pipelines, searches and comparisons.

>>> from sklearn.datasets import load_iris
>>> from mixup_multi.sklearn import MixupClassifier
>>> X, y = load_iris(return_X_y=True)
>>> bool(MixupClassifier("mixup", epochs=40, random_state=0).fit(X, y).score(X, y) > 0.9)
True
"""

from mixup_multi.sklearn.classifier import MixupClassifier
from mixup_multi.sklearn.regressor import MixupRegressor

__all__ = ["MixupClassifier", "MixupRegressor"]
