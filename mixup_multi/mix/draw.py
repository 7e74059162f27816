"""What is drawn: for each row its partner and the share that it keeps of itself.

`own` is always the row's own weight, since "lambda" means the row in some code and the partner
in other. The law of `own` for mixing is Beta(alpha, alpha); the regularisers of the theory use
the modified law Beta(alpha + 1, alpha), of which only `mean_rest` = E[1 - own] is needed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol, get_args

import torch
from torch import Generator, Tensor

from mixup_multi.errors import SettingError

Partner = Literal["any", "other_class", "same_class", "balanced", "near"]
"""Which rows meet; see `draw_partner`."""
OF_CLASSES = ("other_class", "same_class", "balanced")
"""The partners that are chosen by classes, which numbers to predict do not have."""
Per = Literal["batch", "row"]


@dataclass(frozen=True, slots=True)
class Mix:
    """Row i becomes `own[i]` of itself and `1 - own[i]` of row `partner[i]`.

    Attributes:
        partner: `(n,)` int64, rows of the same batch.
        own: `(n,)`, or `(1,)` where all rows share it; float64 on the CPU when drawn.
    """

    partner: Tensor
    own: Tensor

    @classmethod
    def identity(cls, n: int) -> Mix:
        """Return the mix that leaves `n` rows as they are."""
        return cls(torch.arange(n), torch.ones(1, dtype=torch.float64))


class Share(Protocol):
    """A law of `own`."""

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Return `(1,)` or `(n,)` shares in float64."""

    @property
    def mean_rest(self) -> float:
        """E[1 - own] under the modified law, which is 2 E[own (1 - own)] under the drawn one."""


def check_per(per: str) -> None:
    """Raise `SettingError` where `per` is neither of its kinds."""
    if per not in get_args(Per):
        raise SettingError(f"per is {per!r}: expected batch or row")


@dataclass(frozen=True, slots=True)
class BetaShare:
    """own ~ Beta(alpha, alpha), one for the batch or one for each row (Zhang et al. 2018).

    Args:
        alpha: >= 0; 0 means own = 1 (no mixing). Draws are made through logarithms, so that
            neither 1e-3 nor 1e3 yields NaN.
        per: `batch` (as in the papers' code) or `row`.

    Raises:
        SettingError: alpha is negative, infinite or NaN; per is neither.
    """

    alpha: float
    per: Per = "batch"

    def __post_init__(self) -> None:
        if not 0 <= self.alpha < float("inf"):
            raise SettingError(f"alpha is {self.alpha}: expected a number >= 0, 0 for no mixing")
        check_per(self.per)

    def draw(self, n: int, generator: Generator) -> Tensor:
        """Return `(1,)` or `(n,)` shares in float64."""
        size = 1 if self.per == "batch" else n
        if self.alpha == 0:
            return torch.ones(size, dtype=torch.float64)
        own, rest = _log_gamma_variates(self.alpha, (2, size), generator).unbind()
        return (own - rest).sigmoid_()

    @property
    def mean_rest(self) -> float:
        """E[1 - own] of Beta(alpha + 1, alpha) = alpha / (2 alpha + 1); vanishes with alpha."""
        return self.alpha / (2 * self.alpha + 1)


@dataclass(frozen=True, slots=True)
class FixedShare:
    """Every row keeps the same share; outside [0, 1] it extrapolates.

    Raises:
        SettingError: the share is infinite or NaN.
    """

    own: float

    def __post_init__(self) -> None:
        if not -float("inf") < self.own < float("inf"):
            raise SettingError(f"own share is {self.own}: expected a finite number")

    def draw(self, n: int, generator: Generator) -> Tensor:  # noqa: ARG002  (a Share's signature)
        """Return the share, `(1,)`."""
        return torch.full((1,), self.own, dtype=torch.float64)

    @property
    def mean_rest(self) -> float:
        """2 own (1 - own), the modified law's mean of a point mass."""
        return 2 * self.own * (1 - self.own)


def _log_gamma_variates(alpha: float, size: tuple[int, ...], generator: Generator) -> Tensor:
    """Return log G with G ~ Gamma(alpha, 1), by G = Gamma(alpha + 1) U^(1/alpha).

    G itself underflows to 0 for small alpha, and a Beta variate made of two zeros is NaN. U is one
    less a draw from [0, 1), so that it is never 0. A single share is drawn a step, so what counts
    is the number of operations: working in place saves a third of the time.
    """
    shape = torch.full(size, alpha + 1, dtype=torch.float64)
    larger = torch._standard_gamma(shape, generator=generator)
    uniform = torch.rand(size, dtype=torch.float64, generator=generator)
    return larger.log_().add_(uniform.neg_().log1p_().div_(alpha))


def draw_seed(generator: Generator) -> int:
    """Return a seed of what is drawn later, when its shape is known."""
    return int(torch.randint(2**63 - 1, (), generator=generator))


def draw_partner(
    kind: Partner, targets: Tensor, generator: Generator, bandwidth: float | None = None
) -> Tensor:
    """Return a partner `(n,)` for each row.

    Args:
        kind: `any`: a random permutation, in which a row may meet itself (as in the papers'
            code). `other_class` / `same_class`: a row drawn uniformly among those whose largest
            target differs / agrees; where there is none the row meets itself, so it stays.
            `balanced`: a class drawn uniformly among those of the batch, then a row of it.
            `near`: row j with probability proportional to exp(-||y_i - y_j||^2 / (2 h^2)), itself
            included (C-Mixup, Yao et al. 2022, within the batch).
        targets: `(n, c)`; of one column: the label 0 or 1 of a binary task, or a number.
        generator: a CPU generator.
        bandwidth: h > 0 of `near`, in the targets' own units.

    Raises:
        SettingError: the kind is unknown, or `near` has no bandwidth.
    """
    n = len(targets)
    if kind == "any":
        return torch.randperm(n, generator=generator)
    if kind == "near":
        odds = _odds_of_near(targets, bandwidth)
        return torch.multinomial(odds, 1, generator=generator).squeeze(1)
    label = _classes(targets)
    if kind == "balanced":
        odds = 1 / label.bincount()[label].double()
        return torch.multinomial(odds, n, replacement=True, generator=generator)
    same = label[:, None] == label[None, :]
    if kind == "same_class":
        allowed = same.fill_diagonal_(False)
    elif kind == "other_class":
        allowed = ~same
    else:
        raise SettingError(f"partner is {kind!r}: expected {', '.join(get_args(Partner))}")
    keys = torch.rand(n, n, generator=generator).masked_fill_(~allowed, -1)
    best, partner = keys.max(1)
    return torch.where(best >= 0, partner, torch.arange(n))


def _classes(targets: Tensor) -> Tensor:
    """Return each row's class `(n,)`, on the CPU; one column is a class of its own or its absence.

    Its largest column says nothing of a row where there is only one.
    """
    one = targets.shape[1] == 1
    return (targets[:, 0] > 0.5).long().cpu() if one else targets.argmax(1).cpu()


def _odds_of_near(targets: Tensor, bandwidth: float | None) -> Tensor:
    """Return exp(-||y_i - y_j||^2 / (2 h^2)), `(n, n)`; never all zeros, as row i meets itself."""
    if bandwidth is None:
        raise SettingError("partner near has no bandwidth: expected a number > 0")
    y = targets.cpu().double()
    exact = "donot_use_mm_for_euclid_dist"  # the other way loses small distances to rounding
    return torch.cdist(y, y, compute_mode=exact).div_(bandwidth).square_().div_(-2).exp_()
