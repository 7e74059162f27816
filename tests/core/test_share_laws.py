"""Shares in an interval or of a few values: what is drawn, and 2 E[own (1 - own)]."""

from __future__ import annotations

import pytest
import torch

from mixup_multi.errors import SettingError
from mixup_multi.mix import ChoiceShare, Share, UniformShare
from mixup_multi.streams import stream

LAWS = (
    UniformShare(0.2, 0.9, "row"),
    UniformShare(0.5, 1.5, "row"),
    ChoiceShare((0.7, 1.2, 1.0), (0.6, 0.3, 0.1), "row"),
)
every_law = pytest.mark.parametrize("law", LAWS, ids=repr)


@every_law
def test_mean_rest_is_twice_the_mean_of_own_times_rest(law: Share):
    own = law.draw(200_000, stream(0, "mix"))
    assert law.mean_rest == pytest.approx((2 * own * (1 - own)).mean().item(), abs=5e-3)


def test_mean_rest_by_hand():
    assert UniformShare(0.0, 1.0).mean_rest == pytest.approx(1 / 3)  # 2 (1/2 - 1/3)
    assert UniformShare(0.3, 0.3).mean_rest == pytest.approx(0.42)
    assert ChoiceShare((0.5, 1.0), (0.5, 0.5)).mean_rest == pytest.approx(0.25)


def test_uniform_shares_fill_their_interval():
    own = UniformShare(0.9, 1.1, "row").draw(10_000, stream(0, "mix"))
    assert 0.9 <= own.min() < 0.901
    assert 1.099 < own.max() < 1.1
    assert own.mean().item() == pytest.approx(1.0, abs=0.003)


def test_values_are_drawn_with_their_chances():
    own = ChoiceShare((0.7, 1.2, 1.0), (0.6, 0.3, 0.1), "row").draw(10_000, stream(0, "mix"))
    for value, chance in ((0.7, 0.6), (1.2, 0.3), (1.0, 0.1)):
        assert (own == value).double().mean().item() == pytest.approx(chance, abs=0.02)


@every_law
def test_one_for_the_batch_or_one_for_each_row(law: Share):
    for per, size in (("batch", 1), ("row", 5)):
        made = type(law)(*(getattr(law, name) for name in law.__slots__[:2]), per)
        own, again = (made.draw(5, stream(3, "mix")) for _ in range(2))
        assert own.shape == (size,)
        assert own.dtype == torch.float64
        assert torch.equal(own, again)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: UniformShare(0.9, 0.1), "two finite numbers, low <= high"),
        (lambda: UniformShare(0.0, float("inf")), "two finite numbers"),
        (lambda: UniformShare(float("nan"), 1.0), "two finite numbers"),
        (lambda: UniformShare(0.0, 1.0, "each"), "per is 'each': expected batch or row"),
        (lambda: ChoiceShare((1.0,), (1.0,), "each"), "per is 'each'"),
        (lambda: ChoiceShare((1.0, 0.5), (1.0,)), "expected 2 numbers"),
        (lambda: ChoiceShare((1.0, 0.5), (0.5, 0.4)), "sum to 1"),
        (lambda: ChoiceShare((1.0, 0.5), (0.5, float("nan"))), "numbers >= 0"),
        (lambda: ChoiceShare((float("inf"),), (1.0,)), "expected a finite number"),
    ],
)
def test_laws_that_are_none_are_refused(make, message):
    with pytest.raises(SettingError, match=message):
        make()
