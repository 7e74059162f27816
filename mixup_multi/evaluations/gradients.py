"""Each example's own gradient with respect to what flows at a point, from one backward pass.

    d (sum_k l_k) / d x_i = d l_i / d x_i

exactly, where l_k depends on no other row than x_k. In evaluation mode that holds for every layer
that treats rows alike: BatchNorm divides by its running statistics, not the batch's, and dropout
draws nothing. In training mode, or for a model that compares the rows of a batch, it does not.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.attacks.search import Score


def value_and_gradient(score: Score, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return `score(x)` `(n,)` and each row's own gradient `(n, ...)`, both detached.

    No gradient of a parameter is computed.
    """
    x = x.detach().requires_grad_()
    with torch.enable_grad():
        value = score(x)
        (gradient,) = torch.autograd.grad(value.sum(), x)
    return value.detach(), gradient


def gradient_norms(score: Score, x: Tensor) -> Tensor:
    """Return the L2 norm of each row's own gradient of `score` at `x` `(n, ...)`, `(n,)`."""
    return row_norms(value_and_gradient(score, x)[1])


def row_norms(x: Tensor, order: float = 2) -> Tensor:
    """Return the norm of each row of `x` `(n, ...)`, `(n,)`."""
    norms: Tensor = torch.linalg.vector_norm(x.flatten(1), order, dim=1)
    return norms
