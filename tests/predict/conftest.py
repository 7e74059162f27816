"""How the tests of predictors look at results."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor


@pytest.fixture(scope="session")
def close() -> Callable[..., None]:
    """Assert that two tensors agree up to an absolute error."""

    def check(got: Tensor, expected: Tensor, atol: float) -> None:
        torch.testing.assert_close(got, expected, rtol=0, atol=atol)

    return check
