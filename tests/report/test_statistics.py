"""The statistics against scipy, scikit-posthocs and statsmodels, and hand-computed numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from mixup_multi.report import statistics as ours

posthocs = pytest.importorskip("scikit_posthocs", reason="the oracle of Nemenyi's and Holm's tests")

SAMPLES = [
    np.random.default_rng(seed).normal(0.3, 1, n) for seed, n in enumerate((2, 3, 5, 10, 30))
]


@pytest.mark.parametrize("values", SAMPLES, ids=len)
def test_the_interval_is_students(values: np.ndarray) -> None:
    low, high = ours.t_interval(values) or (0.0, 0.0)
    expected = stats.t.interval(0.95, len(values) - 1, values.mean(), stats.sem(values))
    assert (low, high) == pytest.approx(expected)


def test_equal_values_and_single_ones_have_no_interval() -> None:
    assert ours.t_interval([3.0]) is None
    assert ours.t_interval([3.0, 3.0, 3.0]) is None
    assert ours.deviation([3.0]) is None


@pytest.mark.parametrize("values", SAMPLES, ids=len)
def test_the_paired_t_test_is_scipys(values: np.ndarray) -> None:
    other = np.random.default_rng(9).normal(size=len(values))
    expected = stats.ttest_rel(other + values, other).pvalue
    assert ours.paired_t(values) == pytest.approx(expected)
    assert ours.paired_t([0.5, 0.5, 0.5]) is None


@pytest.mark.parametrize("values", SAMPLES, ids=len)
def test_wilcoxon_is_scipys_exact_one(values: np.ndarray) -> None:
    assert ours.wilcoxon(values) == pytest.approx(stats.wilcoxon(values, method="exact").pvalue)


@pytest.mark.parametrize("seed", range(5))
def test_wilcoxon_with_ties_is_the_permutation_test(seed: int) -> None:
    values = np.random.default_rng(seed).integers(-3, 4, 9).astype(float)
    kept = values[values != 0]
    every = stats.PermutationMethod(n_resamples=100_000)
    expected = stats.wilcoxon(kept, method=every).pvalue
    assert ours.wilcoxon(values) == pytest.approx(expected)


def test_wilcoxon_cannot_see_anything_in_five_trials() -> None:
    assert ours.wilcoxon([-1.0, -2.0, -3.0, -4.0, -5.0]) == 0.0625
    assert ours.wilcoxon([0.0, 0.0]) is None


def test_holm_is_statsmodels() -> None:
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p_values = [0.04, 0.001, 0.03, 0.5, 0.01, 0.9]
    expected = multitest.multipletests(p_values, method="holm")[1]
    assert ours.holm(p_values) == pytest.approx(expected.tolist())
    assert ours.holm([0.02, None, 0.03]) == [0.04, None, 0.04]


@pytest.mark.parametrize("ties", [False, True])
def test_friedman_is_scipys_and_nemenyi_is_posthocs(ties: bool) -> None:
    table = np.random.default_rng(3).normal(10, 2, (8, 4)) + np.array([0.0, 1.0, 2.0, 3.0])
    table = table.round(0) if ties else table
    found = ours.ranking(table)
    assert found is not None
    expected = stats.friedmanchisquare(*table.T)
    assert (found.chi2, found.p_chi2) == pytest.approx((expected.statistic, expected.pvalue))
    p_values = posthocs.posthoc_nemenyi_friedman(table).to_numpy()
    for a in range(4):
        for b in range(a + 1, 4):
            p = ours.nemenyi(found.ranks[a] - found.ranks[b], 4, 8)
            assert p == pytest.approx(p_values[a, b], abs=1e-6)


def test_demsars_example() -> None:
    """Demsar (2006), section 3.2.2: 4 classifiers on 14 sets."""
    ranks = np.array([3.143, 2.000, 2.893, 1.964])
    chi2 = 12 * 14 / 20 * ((ranks**2).sum() - 4 * 25 / 4)
    assert chi2 == pytest.approx(9.28, abs=0.02)
    assert ours.critical_difference(4, 14) == pytest.approx(1.25, abs=0.005)
    assert ours.critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=0.005)


def test_imans_and_davenports_f() -> None:
    table = np.array([[1.0, 2, 3], [1, 2, 3], [2, 1, 3], [1, 3, 2]])
    found = ours.ranking(table)
    assert found is not None
    assert found.f == pytest.approx(3 * found.chi2 / (4 * 2 - found.chi2))
    assert found.p_f == pytest.approx(stats.f.sf(found.f, 2, 6))


def test_what_cannot_be_ranked_is_none() -> None:
    assert ours.ranking([[1.0, 2.0], [1.0, 2.0]]) is None
    assert ours.ranking([[1.0, 2.0, 3.0]]) is None
    assert ours.ranking([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]) is None
    found = ours.ranking([[1.0, 2.0, 3.0]] * 4)
    assert found is not None
    assert (found.f, found.p_f) == (math.inf, 0.0)


@pytest.mark.parametrize("values", SAMPLES, ids=len)
def test_without_correlation_the_probability_is_the_one_sided_p(values: np.ndarray) -> None:
    expected = stats.ttest_1samp(values, 0.0, alternative="greater").pvalue
    assert ours.probability_better(values) == pytest.approx(expected)


def test_correlation_is_that_of_the_corrected_resampled_t_test() -> None:
    """Nadeau and Bengio (2003): the variance 1/n grows by n_test / n_train."""
    values, test, train = np.array([-1.0, -0.5, 0.2, -0.8, -0.1]), 20, 80
    t = values.mean() / math.sqrt((1 / 5 + test / train) * values.var(ddof=1))
    found = ours.probability_better(values, test / (test + train))
    assert found == pytest.approx(stats.t.sf(t, 4))
    assert ours.probability_better([1.0, 1.0]) is None


def test_signed_rank_by_counting_pairs_one_by_one() -> None:
    differences, rope = [-0.5, -0.2, 0.05, 0.4], 0.1
    z = [0.0, *differences]
    weights = np.random.default_rng(0).dirichlet([0.5, 1, 1, 1, 1], 400)
    wins = [0, 0, 0]
    for w in weights:
        shares = [0.0, 0.0, 0.0]
        for i in range(5):
            for j in range(5):
                mean = (z[i] + z[j]) / 2
                shares[0 if mean < -rope else 2 if mean > rope else 1] += w[i] * w[j]
        wins[shares.index(max(shares))] += 1
    found = ours.signed_rank_probabilities(differences, rope, samples=400)
    assert found == pytest.approx(tuple(win / 400 for win in wins))


def test_signed_rank_is_symmetric_and_sees_the_obvious() -> None:
    clear = ours.signed_rank_probabilities([-1.0, -2.0, -1.5, -3.0, -1.2, -0.9], 0.1)
    mirror = ours.signed_rank_probabilities([1.0, 2.0, 1.5, 3.0, 1.2, 0.9], 0.1)
    assert clear is not None
    assert clear[0] > 0.99
    assert mirror == clear[::-1]
    assert ours.signed_rank_probabilities([0.0, 0.0, 0.0, 0.0, 0.2], 0.1)[1] > 0.9  # type: ignore[index]
    assert ours.signed_rank_probabilities([1.0], 0.1) is None


@pytest.mark.parametrize("effect", [0.1, 0.5, 1.0, 3.0])
def test_trials_needed_are_statsmodels(effect: float) -> None:
    power = pytest.importorskip("statsmodels.stats.power")
    needed = power.TTestPower().solve_power(effect, power=0.8, alpha=0.05)
    assert ours.trials_needed(effect, 1.0) == math.ceil(needed)
    assert ours.trials_needed(-2 * effect, 2.0) == math.ceil(needed)


def test_trials_needed_have_limits() -> None:
    assert ours.trials_needed(0.0, 1.0) is None
    assert ours.trials_needed(1.0, 0.0) is None
    assert ours.trials_needed(1e-4, 1.0) is None  # more than a million
    assert ours.trials_needed(100.0, 1.0) == 2
    assert ours.trials_needed(0.003, 1.0) == pytest.approx(
        (1.96 + 0.8416) ** 2 / 0.003**2, rel=1e-3
    )


def test_the_deviations_interval_is_chi_squared() -> None:
    low, high = ours.deviation_interval(2.0, 10)
    assert stats.chi2.cdf(9 * 4 / low**2, 9) == pytest.approx(0.975)
    assert stats.chi2.cdf(9 * 4 / high**2, 9) == pytest.approx(0.025)
