"""Who meets whom: permutations, other classes, same class, also where there is nobody to meet."""

from __future__ import annotations

import pytest
import torch

from mixup_multi.batch import as_targets
from mixup_multi.errors import SettingError
from mixup_multi.mix import Mix, draw_partner
from mixup_multi.streams import stream

LABELS = torch.tensor([0, 0, 0, 1, 1, 2, 0])


def many(kind: str, labels: torch.Tensor, times: int = 600) -> torch.Tensor:
    targets, generator = as_targets(labels, 3), stream(0, "mix")
    return torch.stack([draw_partner(kind, targets, generator) for _ in range(times)])


@pytest.mark.parametrize("n", [1, 2, 7])
def test_any_is_a_permutation(n):
    partner = draw_partner("any", torch.ones(n, 2), stream(0, "mix"))
    assert sorted(partner.tolist()) == list(range(n))
    assert partner.dtype == torch.int64


def test_any_reaches_every_row_itself_included_equally_often():
    partners = many("any", LABELS)
    for row in range(7):
        share = partners[:, row].bincount(minlength=7) / len(partners)
        assert (share - 1 / 7).abs().max() < 5 * (1 / 7 * 6 / 7 / len(partners)) ** 0.5


def test_other_class_never_meets_its_own_and_every_other_row_equally_often():
    partners = many("other_class", LABELS)
    assert (LABELS[partners] != LABELS).all()
    share = partners[:, 0].bincount(minlength=7) / len(partners)
    assert share[[0, 1, 2, 6]].sum() == 0
    assert (share[[3, 4, 5]] - 1 / 3).abs().max() < 5 * (2 / 9 / len(partners)) ** 0.5


def test_same_class_meets_its_own_but_not_itself_unless_it_is_alone():
    partners = many("same_class", LABELS)
    assert (LABELS[partners] == LABELS).all()
    assert (partners[:, 5] == 5).all()  # the only row of class 2
    rows = torch.arange(7)
    assert (partners != rows)[:, rows != 5].all()
    share = partners[:, 0].bincount(minlength=7) / len(partners)
    assert (share[[1, 2, 6]] - 1 / 3).abs().max() < 5 * (2 / 9 / len(partners)) ** 0.5


def test_balanced_meets_every_class_of_the_batch_equally_often():
    partners = many("balanced", LABELS)
    met = as_targets(LABELS[partners].flatten(), 3).mean(0)
    assert (met - 1 / 3).abs().max() < 5 * (2 / 9 / partners.numel()) ** 0.5
    share = partners.flatten().bincount(minlength=7) / partners.numel()
    expected = torch.tensor([1 / 12, 1 / 12, 1 / 12, 1 / 6, 1 / 6, 1 / 3, 1 / 12])
    assert (share - expected).abs().max() < 5 * (0.25 / partners.numel()) ** 0.5


def test_balanced_of_one_class_is_any_row_and_of_one_row_itself():
    single = as_targets(torch.ones(5, dtype=torch.int64), 3)
    partners = torch.cat([draw_partner("balanced", single, stream(s, "mix")) for s in range(200)])
    share = partners.bincount(minlength=5) / len(partners)
    assert (share - 0.2).abs().max() < 5 * (0.16 / len(partners)) ** 0.5
    assert draw_partner("balanced", single[:1], stream(0, "mix")).tolist() == [0]


@pytest.mark.parametrize("bandwidth", [0.3, 1.0, 5.0])
def test_near_meets_rows_by_the_density_of_their_distance(bandwidth):
    """C-Mixup: P(j | i) is proportional to exp(-(y_i - y_j)^2 / (2 h^2)), j = i included."""
    y = torch.tensor([[-1.0], [0.0], [0.1], [2.0]], dtype=torch.float64)
    generator = stream(0, "mix")
    times = 4000
    drawn = torch.stack([draw_partner("near", y, generator, bandwidth) for _ in range(times)])
    density = (-((y - y.T) ** 2) / (2 * bandwidth**2)).exp()
    expected = density / density.sum(1, keepdim=True)
    for row in range(4):
        share = drawn[:, row].bincount(minlength=4) / times
        assert (share - expected[row]).abs().max() < 5 * (0.25 / times) ** 0.5


def test_near_has_limits_itself_and_any():
    y = torch.tensor([[0.0, 1.0], [1.0, 0.0], [0.5, 0.5]])
    assert draw_partner("near", y, stream(0, "mix"), 1e-6).tolist() == [0, 1, 2]
    far = torch.stack([draw_partner("near", y, stream(s, "mix"), 1e6) for s in range(900)])
    assert (far.flatten().bincount() / far.numel() - 1 / 3).abs().max() < 0.05
    assert draw_partner("near", torch.zeros(1, 1), stream(0, "mix"), 1.0).tolist() == [0]
    with pytest.raises(SettingError, match="near has no bandwidth"):
        draw_partner("near", y, stream(0, "mix"))


def test_one_column_is_a_class_or_its_absence():
    """Its largest column is always the first: that would make all rows of one class."""
    binary = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    other = draw_partner("other_class", binary, stream(0, "mix"))
    assert (binary[other] != binary).all()
    assert draw_partner("same_class", binary, stream(0, "mix")).tolist() == [3, 2, 1, 0]


@pytest.mark.parametrize("n", [1, 4, 5])
def test_in_a_batch_of_one_class_rows_without_another_class_stay(n):
    single = as_targets(torch.ones(n, dtype=torch.int64), 3)
    assert draw_partner("other_class", single, stream(0, "mix")).tolist() == list(range(n))


def test_a_batch_of_one_meets_itself():
    for kind in ("any", "other_class", "same_class"):
        assert draw_partner(kind, torch.tensor([[0.0, 1.0]]), stream(0, "mix")).tolist() == [0]


def test_the_class_of_a_soft_row_is_its_largest_target():
    soft = torch.tensor([[0.6, 0.4], [0.9, 0.1], [0.2, 0.8]])
    assert draw_partner("same_class", soft, stream(0, "mix")).tolist() == [1, 0, 2]


@pytest.mark.parametrize("kind", ["any", "other_class", "same_class", "balanced", "near"])
def test_equal_generators_give_equal_partners_and_targets_stay(kind):
    targets = as_targets(LABELS, 3)
    before = targets.clone()
    first, second = (draw_partner(kind, targets, stream(9, "mix"), 0.7) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(targets, before)


def test_an_unknown_partner_is_refused():
    with pytest.raises(SettingError, match="partner is 'rival': expected any, other_class"):
        draw_partner("rival", torch.ones(2, 2), stream(0, "mix"))


def test_the_identity_keeps_every_row():
    mix = Mix.identity(3)
    assert mix.partner.tolist() == [0, 1, 2]
    assert mix.own.tolist() == [1]
