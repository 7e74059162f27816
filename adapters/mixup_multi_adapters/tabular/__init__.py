"""Tables: OpenML's, scikit-learn's and your own, with networks for them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from torch import nn

from mixup_multi.engine.source import Dataset

from .baselines import gradient_boosting, logistic_regression, random_forest
from .data import DATASETS
from .models import logistic, mlp


class TabularAdapter:
    """Rows of numeric and categorical columns; see `engine.source.Adapter`."""

    datasets: Mapping[str, Dataset] = DATASETS
    models: Mapping[str, Callable[..., nn.Module]] = MappingProxyType(
        {
            "mlp": mlp,
            "logistic": logistic,
            "logistic_regression": logistic_regression,
            "random_forest": random_forest,
            "gradient_boosting": gradient_boosting,
        }
    )
