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


@pytest.mark.parametrize("kind", ["any", "other_class", "same_class"])
def test_equal_generators_give_equal_partners_and_targets_stay(kind):
    targets = as_targets(LABELS, 3)
    before = targets.clone()
    first, second = (draw_partner(kind, targets, stream(9, "mix")) for _ in range(2))
    assert torch.equal(first, second)
    assert torch.equal(targets, before)


def test_an_unknown_partner_is_refused():
    with pytest.raises(SettingError, match="partner is 'rival': expected any, other_class"):
        draw_partner("rival", torch.ones(2, 2), stream(0, "mix"))


def test_the_identity_keeps_every_row():
    mix = Mix.identity(3)
    assert mix.partner.tolist() == [0, 1, 2]
    assert mix.own.tolist() == [1]
