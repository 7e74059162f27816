"""What a subject hands to evaluations: its batches."""

from __future__ import annotations

import pytest
import torch
from trained import labels, net, rows, toy

from mixup_multi.attacks import Attack
from mixup_multi.evaluations import Error, Subject


def of_rows(n: int) -> Subject:
    return toy(net(4, 3).float(), rows(n, 4).float(), labels(n, 3), 3)


@pytest.mark.parametrize(
    ("n", "size", "sizes"),
    [
        (9, 4, [4, 5]),
        (10, 4, [4, 4, 2]),
        (8, 4, [4, 4]),
        (5, 4, [5]),
        (3, 1, [1, 1, 1]),
        (1, 4, [1]),
    ],
)
def test_no_row_is_left_alone_behind_others(n: int, size: int, sizes: list[int]) -> None:
    batches = list(of_rows(n).batches("test", None, size, 0))
    assert [len(batch) for batch in batches] == sizes
    seen = torch.cat([batch.rows for batch in batches if batch.rows is not None])
    assert torch.equal(seen, torch.arange(n))


def test_chosen_rows_are_batched_alike() -> None:
    batches = list(of_rows(20).batches("test", 9, 4, 0))
    assert [len(batch) for batch in batches] == [4, 5]


def test_attacks_in_training_mode_meet_no_row_alone() -> None:
    attack = Attack(0.1, 0.1, mode="train")
    assert Error(attack=attack, batch_size=4).measure(of_rows(9)).values["rows"] == 9
