"""The maximum mean discrepancy of two samples (Gretton et al. 2012), as in the InfoVAE.

    MMD^2 = mean k(x, x') + mean k(y, y') - 2 mean k(x, y)      over all pairs, own ones too

This is the biased V-statistic: never negative, and 0 for equal samples. Kernels are functions of
the squared distance s in d dimensions:

    rbf       exp(-s / (2 sigma^2))
    rbf_dim   exp(-s / d^2), of the InfoVAE's published code (Zhao et al. 2019)
    imq       C / (C + s),  C = 2 d sigma^2 (Tolstikhin et al. 2018)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor

from mixup_multi.errors import SettingError

KernelName = Literal["rbf", "rbf_dim", "imq"]


@dataclass(frozen=True, slots=True)
class Kernel:
    """A kernel of the table above.

    Attributes:
        name: which.
        sigma: > 0, the width of `rbf` and `imq`; of no effect on `rbf_dim`.

    Raises:
        SettingError: there is no such kernel, or sigma is not above 0.
    """

    name: KernelName = "rbf_dim"
    sigma: float = 1.0

    def __post_init__(self) -> None:
        if self.name not in get_args(KernelName):
            choices = ", ".join(get_args(KernelName))
            raise SettingError(f"kernel is {self.name!r}: expected one of {choices}", ("kernel",))
        if not 0 < self.sigma < float("inf"):
            raise SettingError(f"sigma is {self.sigma}: expected a number > 0", ("sigma",))

    def __call__(self, x: Tensor, y: Tensor) -> Tensor:
        """Return k(x_i, y_j), `(n, m)`, for `x` `(n, d)` and `y` `(m, d)`."""
        squared, dimensions = squared_distances(x, y), x.shape[1]
        if self.name == "rbf":
            return torch.exp(squared / (-2 * self.sigma**2))
        if self.name == "rbf_dim":
            return torch.exp(squared / -(dimensions**2))
        scale = 2 * dimensions * self.sigma**2
        return scale / (scale + squared)


def squared_distances(x: Tensor, y: Tensor) -> Tensor:
    """Return |x_i - y_j|^2, `(n, m)`; differentiable where two rows are equal too."""
    lengths = x.square().sum(1)[:, None] + y.square().sum(1)[None, :]
    return (lengths - 2 * x @ y.T).clamp_min(0)


def mmd(x: Tensor, y: Tensor, kernel: Kernel) -> Tensor:
    """Return the biased MMD^2 of `x` `(n, d)` and `y` `(m, d)`, a scalar.

    It is in float32 at least: the difference of two nearly equal means is lost in less.
    """
    with torch.autocast(x.device.type, enabled=False):
        x, y = (rows.float() if rows.itemsize < 4 else rows for rows in (x, y))
        return kernel(x, x).mean() + kernel(y, y).mean() - 2 * kernel(x, y).mean()


def mmd_to_normal(x: Tensor, kernel: Kernel, generator: torch.Generator) -> Tensor:
    """Return the MMD^2 of `x` `(n, d)` and as many draws of N(0, I), made on the CPU."""
    normal = torch.randn(x.shape, generator=generator)
    return mmd(x, normal.to(x), kernel)
