"""Stratified splits keep shares, and keep small classes alive."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mixup_multi.engine.splits import check_all_classes, stratified_fold, stratified_parts
from mixup_multi.errors import DataError, SettingError


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=6),
    shares=st.sampled_from([(0.8, 0.2), (0.6, 0.2, 0.2), (0.9, 0.1), (0.5, 0.25, 0.25)]),
    seed=st.integers(0, 5),
)
def test_parts_are_disjoint_whole_and_stratified(
    sizes: list[int], shares: tuple[float, ...], seed: int
) -> None:
    labels = np.repeat(np.arange(len(sizes)), sizes)
    parts = stratified_parts(labels, shares, seed)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for label, size in enumerate(sizes):
        counts = [int((labels[part] == label).sum()) for part in parts]
        assert counts[0] >= 1
        assert all(abs(n - size * share) <= 1 for n, share in zip(counts, shares, strict=True))
    again = stratified_parts(labels, shares, seed)
    assert all(map(np.array_equal, parts, again))


def test_a_class_of_two_rows_is_trained_on_and_tested() -> None:
    labels = np.array([0] * 50 + [1] * 2)
    train, test = stratified_parts(labels, (0.5, 0.5), 3)
    assert (labels[train] == 1).sum() == (labels[test] == 1).sum() == 1


def test_shares_must_sum_to_one() -> None:
    with pytest.raises(SettingError, match="summing to 1"):
        stratified_parts(np.zeros(4, dtype=np.int64), (0.8, 0.3), 0)


def test_folds_partition_the_rows_and_do_not_exceed_their_number() -> None:
    labels = np.arange(40) % 2
    tests = [stratified_fold(labels, 10, fold, 0)[1] for fold in range(10)]
    assert sorted(np.concatenate(tests).tolist()) == list(range(40))
    assert all((labels[test] == 0).sum() == 2 for test in tests)
    with pytest.raises(SettingError, match="0 to 9"):
        stratified_fold(labels, 10, 10, 0)
    with pytest.raises(DataError, match="3 rows"):
        stratified_fold(labels[:3], 10, 0, 0)


def test_a_class_without_training_rows_is_named() -> None:
    with pytest.raises(DataError, match="class dog"):
        check_all_classes("pets", np.array([0, 0]), ("cat", "dog"))
