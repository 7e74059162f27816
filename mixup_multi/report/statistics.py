"""Statistics of repeated runs: pure functions of plain numbers, each with its source.

Differences are errors of one method minus those of another in the same trial, in percentage
points; below zero the first method is better. What the numbers cannot answer is None.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

Numbers = Sequence[float]
MOST_TRIALS = 1_000_000


def deviation(values: Numbers) -> float | None:
    """Return the sample standard deviation (n - 1); None for fewer than two values."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def t_interval(values: Numbers, level: float = 0.95) -> tuple[float, float] | None:
    """Return Student's interval of the mean, mean ± t s / sqrt(n) (Student 1908).

    None where values do not vary: a few equal ones do not make a mean certain.
    """
    spread = deviation(values)
    if spread is None or spread < 1e-12:
        return None
    n, mean = len(values), float(np.mean(values))
    half = float(stats.t.ppf((1 + level) / 2, n - 1)) * spread / math.sqrt(n)
    return mean - half, mean + half


def paired_t(differences: Numbers) -> float | None:
    """Return the two-sided p of the paired t test; None where the differences do not vary."""
    if len(differences) < 2 or np.ptp(differences) < 1e-12:
        return None
    return float(stats.ttest_1samp(differences, 0.0).pvalue)


def wilcoxon(differences: Numbers) -> float | None:
    """Return the exact two-sided p of the signed-rank test (Wilcoxon 1945), also with ties.

    Zeros are left out. All 2^n signs of the n ranks are equally likely where there is no
    difference, so p is never below 2 / 2^n: five trials cannot give less than 0.0625.
    """
    kept = np.array([d for d in differences if abs(d) > 1e-12])
    if len(kept) == 0:
        return None
    doubled = np.rint(2 * stats.rankdata(np.round(np.abs(kept), 9))).astype(int)
    ways = np.zeros(doubled.sum() + 1)
    ways[0] = 1.0
    for rank in doubled:
        ways[rank:] += ways[: len(ways) - rank].copy()
    positive = int(doubled[kept > 0].sum())
    tail = min(positive, int(doubled.sum()) - positive)
    return min(1.0, 2 * float(ways[: tail + 1].sum()) / 2.0 ** len(kept))


def holm(p_values: Sequence[float | None]) -> list[float | None]:
    """Return p-values adjusted for how many there are (Holm 1979); None stays None."""
    given = sorted((p, place) for place, p in enumerate(p_values) if p is not None)
    adjusted: list[float | None] = [None] * len(p_values)
    highest = 0.0
    for position, (p, place) in enumerate(given):
        highest = max(highest, min(1.0, (len(given) - position) * p))
        adjusted[place] = highest
    return adjusted


@dataclass(frozen=True)
class Ranking:
    """Methods ranked on several data sets (Demsar 2006).

    Attributes:
        ranks: the mean rank of each method, 1 the best; ties share.
        blocks: the number of data sets.
        chi2, p_chi2: Friedman's statistic, corrected for ties, and its p.
        f, p_f: the less conservative one of Iman and Davenport (1980), and its p.
        critical: the least difference of mean ranks that Nemenyi's test finds at 0.05.
    """

    ranks: tuple[float, ...]
    blocks: int
    chi2: float
    p_chi2: float
    f: float
    p_f: float
    critical: float


def ranking(errors: Sequence[Numbers], alpha: float = 0.05) -> Ranking | None:
    """Return the Friedman test of errors (data sets, methods); None below 3 methods or 2 sets."""
    table = np.asarray(errors, dtype=float)
    if table.ndim != 2 or table.shape[0] < 2 or table.shape[1] < 3:
        return None
    if bool((np.ptp(table, axis=1) == 0).all()):
        return None  # every data set is one tie: there is nothing to rank
    n, k = table.shape
    chi2, p_chi2 = stats.friedmanchisquare(*table.T)
    left = n * (k - 1) - chi2
    f = (n - 1) * chi2 / left if left > 1e-9 else math.inf
    return Ranking(
        ranks=tuple(float(rank) for rank in stats.rankdata(table, axis=1).mean(0)),
        blocks=n,
        chi2=float(chi2),
        p_chi2=float(p_chi2),
        f=float(f),
        p_f=float(stats.f.sf(f, k - 1, (k - 1) * (n - 1))),
        critical=critical_difference(k, n, alpha),
    )


def critical_difference(methods: int, blocks: int, alpha: float = 0.05) -> float:
    """Return Nemenyi's critical difference, q sqrt(k (k + 1) / 6 N) (Demsar 2006)."""
    q = float(stats.studentized_range.ppf(1 - alpha, methods, np.inf)) / math.sqrt(2)
    return q * _rank_error(methods, blocks)


def nemenyi(difference: float, methods: int, blocks: int) -> float:
    """Return Nemenyi's p of a difference of two mean ranks (Demsar 2006)."""
    z = abs(difference) / _rank_error(methods, blocks)
    return float(stats.studentized_range.sf(z * math.sqrt(2), methods, np.inf))


def _rank_error(methods: int, blocks: int) -> float:
    return math.sqrt(methods * (methods + 1) / (6 * blocks))


def probability_better(differences: Numbers, correlation: float = 0.0) -> float | None:
    """Return P(mean difference < 0), the Bayesian correlated t test (Benavoli et al. 2017, eq. 8).

    The posterior of the mean is Student's with n - 1 degrees, scale^2 = (1/n + r / (1 - r)) s^2,
    where r is the correlation of trials whose training rows overlap: the share of rows that are
    tested on (Nadeau and Bengio 2003). With r = 0 it is the one-sided p of the t test.
    """
    spread = deviation(differences)
    if spread is None or spread < 1e-12:
        return None
    scale = spread * math.sqrt(1 / len(differences) + correlation / (1 - correlation))
    return float(stats.t.cdf(-float(np.mean(differences)) / scale, len(differences) - 1))


def signed_rank_probabilities(
    differences: Numbers,
    equivalence: float,
    prior: float = 0.5,
    samples: int = 20_000,
    seed: int = 0,
) -> tuple[float, float, float] | None:
    """Return P(better), P(practically equal), P(worse) on a data set: Bayesian signed-rank test.

    The differences get Dirichlet weights, with a pseudo-observation of weight `prior` at zero.
    Counted is how often the weighted share of pairs with (z_i + z_j) / 2 below -`equivalence`,
    within it, or above it is the greatest (Benavoli et al. 2014; 2017, section 4.2). Without such
    a region, many equal results and one small loss would count as a certain loss.
    """
    if len(differences) < 2:
        return None
    z = np.concatenate([[0.0], np.asarray(differences, dtype=float)])
    mean = np.round((z[:, None] + z[None, :]) / 2, 9)
    strength = np.concatenate([[prior], np.ones(len(differences))])
    weights = np.random.default_rng(seed).dirichlet(strength, samples)
    regions = (mean < -equivalence, np.abs(mean) <= equivalence, mean > equivalence)
    shares = np.stack([((weights @ region) * weights).sum(1) for region in regions])
    first, second, third = np.bincount(shares.argmax(0), minlength=3) / samples
    return float(first), float(second), float(third)


def trials_needed(
    difference: float, spread: float, power: float = 0.8, alpha: float = 0.05
) -> int | None:
    """Return the pairs that a two-sided t test needs to see `difference` with such power.

    By the noncentral t distribution. None where it is undefined (no difference, no spread) or
    more than a million.
    """
    if abs(difference) < 1e-12 or spread < 1e-12:
        return None
    effect = abs(difference) / spread
    if t_power(MOST_TRIALS, effect, alpha) < power:
        return None
    low, high = 1, 2
    while t_power(high, effect, alpha) < power:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if t_power(middle, effect, alpha) >= power else (middle, high)
    return high


def t_power(n: int, effect: float, alpha: float = 0.05) -> float:
    """Return the power of a two-sided paired t test of n pairs at `effect` = difference / s."""
    border = stats.t.ppf(1 - alpha / 2, n - 1)
    shift = effect * math.sqrt(n)
    if shift > border + 30:
        return 1.0  # so far out the noncentral t loses its digits
    upper = stats.nct.sf(border, n - 1, shift)
    return float(upper + np.nan_to_num(stats.nct.cdf(-border, n - 1, shift)))


def deviation_interval(spread: float, n: int, level: float = 0.95) -> tuple[float, float]:
    """Return the chi-squared interval of a standard deviation from n >= 2 normal values."""
    squares = (n - 1) * spread**2
    tail = (1 - level) / 2
    low, high = stats.chi2.isf(tail, n - 1), stats.chi2.ppf(tail, n - 1)
    return math.sqrt(squares / low), math.sqrt(squares / high)
