"""Exact means over mixing shares, by Gauss-Jacobi quadrature.

Shares are drawn from Beta(alpha, alpha). For a loss that is linear in the label the mean over
shares and pairs is also that of hard labels with shares of the modified law
D~ = Beta(alpha + 1, alpha) (Zhang, L. et al. 2021), whose rest is a = 1 - lambda with
E[a] = alpha / (2 alpha + 1) and E[a^2] = E[a] / 2.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.errors import SettingError
from mixup_multi.mix.draw import BetaShare


def beta_law(first: float, second: float, nodes: int) -> tuple[Tensor, Tensor]:
    """Return shares `(q,)` and weights `(q,)` that integrate against Beta(first, second).

    A polynomial of a degree below 2 q is integrated exactly.

    >>> share, weight = beta_law(2.0, 1.0, 8)
    >>> round(float((weight * (1 - share)).sum()), 12)
    0.333333333333
    """
    from scipy.special import roots_jacobi

    if not (0 < first < float("inf") and 0 < second < float("inf")):
        raise SettingError(f"Beta({first}, {second}) is no law: expected positive numbers")
    places, weights = roots_jacobi(nodes, second - 1, first - 1)
    return torch.from_numpy((1 + places) / 2), torch.from_numpy(weights / weights.sum())


def drawn_law(alpha: float, nodes: int) -> tuple[Tensor, Tensor]:
    """Return shares and weights of Beta(alpha, alpha), from which shares are drawn."""
    return beta_law(alpha, alpha, nodes)


def modified_law(alpha: float, nodes: int) -> tuple[Tensor, Tensor]:
    """Return shares and weights of D~ = Beta(alpha + 1, alpha)."""
    return beta_law(alpha + 1, alpha, nodes)


def rest_moments(alpha: float) -> tuple[float, float]:
    """Return E[a] and E[a^2] of a = 1 - lambda under D~; the second is half of the first."""
    mean = BetaShare(alpha).mean_rest
    return mean, mean / 2


def check_alpha(alpha: float) -> None:
    """Raise `SettingError` where alpha is not positive: nothing would be mixed."""
    if not 0 < alpha < float("inf"):
        raise SettingError(f"alpha is {alpha}: expected a number > 0", ("alpha",))
