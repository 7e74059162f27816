"""What a column is: numbers, or levels of a category; and its values as an array."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mixup_multi.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

NUMBERS = {"boolean", "integer", "floating", "mixed-integer-float", "decimal", "empty"}
TEXT = {"string", "mixed-integer"}
"""Of pandas' `infer_dtype`; the rest (dates, lists, bytes) is neither."""


def is_categorical(name: str, column: pd.Series[Any]) -> bool:
    """Tell whether a column holds levels: declared ones (whatever they look like), or text.

    Numbers are numeric however few they are, and so are booleans (0 and 1).

    Raises:
        DataError: the column is neither (dates, lists), or text that is nearly all numbers.
    """
    import pandas as pd

    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    kind = pd.api.types.infer_dtype(column, skipna=True)
    if kind in NUMBERS:
        return False
    if kind not in TEXT:
        raise DataError(
            f"{name}: column {column.name!r} holds {kind} values; expected numbers or categories."
            f" Convert it, or leave it out with ignore: [{column.name}]"
        )
    _check_not_a_slip(name, column)
    return True


def is_boolean(column: pd.Series[Any]) -> bool:
    """Tell whether a column holds truth values only: 0 and 1 as a feature, classes as a target."""
    import pandas as pd

    return bool(pd.api.types.infer_dtype(column, skipna=True) == "boolean")


def _check_not_a_slip(name: str, column: pd.Series[Any]) -> None:
    """Refuse numbers with a few typing slips: read as text they would be thousands of levels."""
    import pandas as pd

    values = pd.Series(column.dropna().unique()).map(str)
    slips = pd.to_numeric(values, errors="coerce").isna()
    if len(values) > 20 and 0 < slips.mean() < 0.1:
        slip = values[slips].iloc[0]
        row = int(np.flatnonzero(column.map(str) == slip)[0])
        raise DataError(
            f"{name}: column {column.name!r} holds numbers, but {slip!r} in row {row} (from 0);"
            " expected numbers only. Mend it, or leave it empty if it is missing."
        )


def numbers_of(name: str, column: pd.Series[Any]) -> NDArray[Any]:
    """Return a numeric column, NaN where missing, in the smallest type that holds it exactly.

    Raises:
        DataError: a value is infinite.
    """
    values = column.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"{name}: column {column.name!r} is infinite in {int(infinite.sum())} rows, first in"
            f" row {int(infinite.argmax())} (from 0); expected finite numbers."
            " Mend the file, or leave the value empty so that it is imputed."
        )
    return _compact(values)


def _compact(values: NDArray[np.float64]) -> NDArray[Any]:
    """Return the values as uint8, float32 or float64, the first that changes none of them."""
    for small in (np.uint8, np.float32):
        with np.errstate(invalid="ignore", over="ignore"):
            changed = values.astype(small)
        if np.array_equal(changed, values, equal_nan=True):
            return changed
    return values


def codes_of(column: pd.Series[Any]) -> tuple[NDArray[np.int32], tuple[str, ...]]:
    """Return a categorical column's codes, -1 where missing, and its levels.

    Declared levels keep their order (also those without a row); text is sorted.
    """
    import pandas as pd

    declared = isinstance(column.dtype, pd.CategoricalDtype)
    values = pd.Categorical(column if declared else column.map(str, na_action="ignore"))
    return values.codes.astype(np.int32), tuple(str(level) for level in values.categories)
