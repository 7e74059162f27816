"""The tables that come with scikit-learn; they are real, and need no download."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from .table import Table, table_of

BUNDLED: Mapping[str, str] = MappingProxyType(
    {
        "sklearn_iris": "scikit-learn's iris (embedded): 150 x 4, 3 classes",
        "sklearn_digits": "scikit-learn's 8 x 8 digits (embedded): 1,797 x 64, 10 classes",
        "sklearn_wine": "scikit-learn's wine (embedded): 178 x 13, 3 classes",
        "sklearn_breast_cancer": "scikit-learn's breast cancer (embedded): 569 x 30, 2 classes",
        "sklearn_diabetes": "scikit-learn's diabetes (embedded): 442 x 10, regression",
    }
)


def read_bundled(name: str, _root: Path) -> Table:
    """Return the table `name` of `BUNDLED`; there is nothing to read below the data root."""
    import pandas as pd
    from sklearn import datasets

    bunch = getattr(datasets, name.replace("sklearn_", "load_"))(as_frame=True)
    if not hasattr(bunch, "target_names"):
        return table_of(name, bunch.frame, "target", task="regression")
    classes = [str(label) for label in bunch.target_names]
    labels = pd.Categorical.from_codes(bunch.target.to_numpy(), categories=pd.Index(classes))
    return table_of(name, bunch.data.assign(target=labels), "target")
