"""How the tests of the core look at results."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(scope="session")
def close() -> Callable[..., None]:
    """Assert that two tensors agree up to an absolute error; as float64 should, unless told."""

    def check(got: Tensor, expected: Tensor, atol: float = 1e-10) -> None:
        torch.testing.assert_close(got, expected, rtol=0, atol=atol)

    return check


@pytest.fixture(scope="session")
def gradients() -> Callable[[Tensor, nn.Module], Tensor]:
    """Return the gradient of a total in all parameters, as one vector."""

    def of(total: Tensor, net: nn.Module) -> Tensor:
        weights = list(net.parameters())
        parts = torch.autograd.grad(total, weights, retain_graph=True, materialize_grads=True)
        return torch.cat([part.flatten() for part in parts])

    return of
