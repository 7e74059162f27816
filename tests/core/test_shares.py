"""The Beta laws: what is drawn, and E[1 - lambda] of the modified law (methods of MixupE)."""

from __future__ import annotations

import math

import pytest
import torch
from scipy import integrate, stats

from mixup_multi.errors import SettingError
from mixup_multi.mix import BetaShare, FixedShare, Sometimes
from mixup_multi.streams import stream

MODIFIED_MEANS = {
    0.1: 0.083333,
    0.2: 0.142857,
    0.5: 0.25,
    1: 0.333333,
    2: 0.4,
    4: 0.444444,
    10: 0.476190,
    1e9: 0.5,
}
"""alpha -> E[1 - lambda] under Beta(alpha + 1, alpha), six digits by hand."""


def drawn(alpha: float, n: int = 100_000, seed: int = 0) -> torch.Tensor:
    return BetaShare(alpha, "row").draw(n, stream(seed, "mix"))


@pytest.mark.parametrize(("alpha", "mean"), MODIFIED_MEANS.items())
def test_mean_rest_is_the_table(alpha, mean):
    assert BetaShare(alpha).mean_rest == pytest.approx(mean, abs=5e-7)


@pytest.mark.parametrize("alpha", [0.1, 0.5, 1, 2, 10])
def test_mean_rest_is_the_integral_over_the_modified_law(alpha):
    law = stats.beta(alpha + 1, alpha)
    integral, _ = integrate.quad(lambda own: (1 - own) * law.pdf(own), 0, 1)
    assert BetaShare(alpha).mean_rest == pytest.approx(integral, abs=1e-7)


def test_mean_rest_vanishes_with_alpha_unlike_the_plain_law_whose_mean_is_a_half():
    assert BetaShare(0).mean_rest == 0
    assert BetaShare(1e-6).mean_rest == pytest.approx(1e-6, rel=1e-5)


@pytest.mark.parametrize("own", [0.0, 0.3, 0.5, 1.0])
def test_mean_rest_of_a_fixed_share_is_that_of_two_points(own):
    """The modified law has weight `own` at `own` and weight `1 - own` at `1 - own`."""
    expected = own * (1 - own) + (1 - own) * own
    assert FixedShare(own).mean_rest == pytest.approx(expected, abs=1e-15)


@pytest.mark.parametrize("alpha", [1e-3, 0.2, 1, 2, 1e3])
def test_moments_are_those_of_beta(alpha):
    own = drawn(alpha)
    law = stats.beta(alpha, alpha)
    mean, variance, kurtosis = (float(m) for m in law.stats(moments="mvk"))
    n = len(own)
    error_of_variance = variance * math.sqrt((kurtosis + 2) / n + 2 / n**2)
    assert own.mean().item() == pytest.approx(mean, abs=5 * math.sqrt(variance / n))
    assert own.var().item() == pytest.approx(variance, abs=5 * error_of_variance + 1e-12)


@pytest.mark.parametrize("alpha", [0.2, 1, 2, 10])
def test_draws_follow_the_beta_law(alpha):
    assert stats.kstest(drawn(alpha).numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.001


@pytest.mark.parametrize("alpha", [0.3, 1, 5])
def test_mean_rest_is_twice_the_drawn_mean_of_own_times_rest(alpha):
    """The change of measure between the drawn law and the modified one."""
    own = drawn(alpha)
    twice = 2 * own * (1 - own)
    assert twice.mean().item() == pytest.approx(
        BetaShare(alpha).mean_rest, abs=5 * twice.std().item() / len(own) ** 0.5
    )


@pytest.mark.parametrize("alpha", [1e-9, 1e-6, 1e-3, 1e3, 1e9])
def test_no_alpha_yields_nan_or_leaves_the_unit_interval(alpha):
    own = drawn(alpha)
    assert ((own >= 0) & (own <= 1)).all()  # false for NaN
    assert own.mean().item() == pytest.approx(0.5, abs=0.01)


def test_tiny_alpha_keeps_one_row_or_the_other_and_huge_alpha_keeps_half_of_each():
    own = drawn(1e-6)
    assert (torch.minimum(own, 1 - own) > 1e-6).double().mean() < 1e-4
    assert (drawn(1e9) - 0.5).abs().max() < 1e-3


def test_alpha_zero_is_share_one_without_a_draw():
    generator = stream(0, "mix")
    before = generator.get_state()
    assert BetaShare(0, "row").draw(3, generator).tolist() == [1, 1, 1]
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("n", [1, 2, 7])
def test_one_share_a_batch_or_one_a_row(n):
    generator = stream(0, "mix")
    batch, row = BetaShare(1).draw(n, generator), BetaShare(1, "row").draw(n, generator)
    assert batch.shape == (1,)
    assert row.shape == (n,)
    assert batch.dtype == row.dtype == torch.float64
    assert len(row.unique()) == n
    assert FixedShare(0.25).draw(n, generator).tolist() == [0.25]


def test_equal_generators_give_equal_shares():
    assert torch.equal(drawn(0.7, 50, seed=4), drawn(0.7, 50, seed=4))
    assert not torch.equal(drawn(0.7, 50, seed=4), drawn(0.7, 50, seed=5))


@pytest.mark.parametrize("alpha", [-0.1, math.inf, math.nan])
def test_an_impossible_alpha_is_refused(alpha):
    with pytest.raises(SettingError, match=r"alpha is .*expected a number >= 0"):
        BetaShare(alpha)


def test_an_unknown_per_is_refused():
    with pytest.raises(SettingError, match="per is 'rows': expected batch or row"):
        BetaShare(1.0, "rows")


@pytest.mark.parametrize("own", [math.inf, -math.inf, math.nan])
def test_an_impossible_share_is_refused(own):
    with pytest.raises(SettingError, match="own share is"):
        FixedShare(own)


@pytest.mark.parametrize("per", ["batch", "row"])
def test_sometimes_mixes_with_its_probability_by_the_law_within(per):
    share, generator = Sometimes(BetaShare(2.0, per), 0.3), stream(0, "mix")
    own = torch.cat([share.draw(1 if per == "batch" else 4, generator) for _ in range(3000)])
    mixed = own[own < 1]
    assert own.dtype == torch.float64
    assert abs(len(mixed) / len(own) - 0.3) < 5 * (0.21 / len(own)) ** 0.5
    assert abs(mixed.mean() - 0.5) < 5 * (0.05 / len(mixed)) ** 0.5  # of Beta(2, 2)
    twice = 2 * own * (1 - own)
    assert share.mean_rest == pytest.approx(0.3 * 0.4)
    assert abs(twice.mean() - share.mean_rest) < 5 * twice.std() / len(own) ** 0.5
    assert len(share.draw(4, generator)) == (1 if per == "batch" else 4)


def test_sometimes_draws_its_share_first_and_has_ends():
    inner = BetaShare(1.0, "row")
    assert torch.equal(
        Sometimes(inner, 1.0).draw(9, stream(0, "mix")), inner.draw(9, stream(0, "mix"))
    )
    assert Sometimes(inner, 0.0).draw(3, stream(0, "mix")).tolist() == [1, 1, 1]
    for p in (-0.1, 1.1, float("nan")):
        with pytest.raises(SettingError, match="p is .*expected a probability"):
            Sometimes(inner, p)
