from __future__ import annotations

import warnings

import numpy as np
import pytest

from mixup_multi.engine.source import Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.tabular.split import Parts, SplitSettings, divide

LABELS = np.repeat([0, 1, 2, 3], [60, 37, 2, 1])


def together(parts: Parts) -> list[int]:
    each = [parts.train, parts.test] + ([] if parts.validation is None else [parts.validation])
    return sorted(int(row) for part in each for row in part)


def counts(rows: np.ndarray) -> list[int]:
    return np.bincount(LABELS[rows], minlength=4).tolist()


def test_classes_of_one_and_two_rows_survive() -> None:
    parts = divide("t", LABELS, Trial(5), SplitSettings(test=0.2))
    assert together(parts) == list(range(100))
    assert counts(parts.train)[2:] in ([1, 1], [2, 1])
    assert counts(parts.test)[:2] in ([12, 7], [12, 8])


def test_validation_is_a_share_of_all_rows() -> None:
    parts = divide("t", LABELS, Trial(5), SplitSettings(test=0.2, validation=0.4))
    assert parts.validation is not None
    assert together(parts) == list(range(100))
    assert counts(parts.validation)[0] == 24
    assert counts(parts.train)[3] == 1


def test_folds_partition_all_rows_but_the_single_ones() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        folds = [divide("t", LABELS, Trial(1, fold, 5), SplitSettings()) for fold in range(5)]
    tested = sorted(int(row) for parts in folds for row in parts.test)
    assert tested == list(range(99))  # row 99 is a class of its own: only ever trained on
    for parts in folds:
        assert together(parts) == list(range(100))
        assert counts(parts.test)[0] == 12
        assert min(counts(parts.train)) >= 1


def test_fold_takes_validation_from_its_training_rows() -> None:
    settings = SplitSettings(validation=0.1)
    plain = divide("t", LABELS, Trial(1, 2, 5), SplitSettings())
    parts = divide("t", LABELS, Trial(1, 2, 5), settings)
    assert parts.validation is not None
    assert np.array_equal(parts.test, plain.test)
    assert sorted([*parts.train, *parts.validation]) == plain.train.tolist()
    assert counts(parts.validation)[:2] == [6, 4]


def test_same_seed_same_rows() -> None:
    first, again = (divide("t", LABELS, Trial(7), SplitSettings()) for _ in range(2))
    other = divide("t", LABELS, Trial(8), SplitSettings())
    assert np.array_equal(first.test, again.test)
    assert not np.array_equal(first.test, other.test)


@pytest.mark.parametrize(
    ("test", "validation"), [(0.0, 0.0), (1.0, 0.0), (0.5, 0.5), (0.2, -0.1), (float("nan"), 0.0)]
)
def test_shares_out_of_range(test: float, validation: float) -> None:
    with pytest.raises(SettingError, match="expected shares of all rows"):
        divide("t", LABELS, Trial(), SplitSettings(test, validation))


def test_a_part_without_rows() -> None:
    with pytest.raises(DataError, match="the test part has no rows"):
        divide("t", np.array([0, 0, 1, 1]), Trial(), SplitSettings(test=0.01))
    with pytest.raises(DataError, match="the validation part has no rows"):
        divide("t", np.repeat([0, 1], 10), Trial(), SplitSettings(validation=0.001))


def test_published_split() -> None:
    settings = SplitSettings(split="published")
    parts = divide("t", LABELS, Trial(), settings, published=70)
    assert parts.train.tolist() == list(range(70))
    assert parts.test.tolist() == list(range(70, 100))
    with pytest.raises(SettingError, match="has no folds"):
        divide("t", LABELS, Trial(0, 1, 5), settings, published=70)
    with pytest.raises(SettingError, match="leaves no training rows"):
        divide("t", LABELS, Trial(), SplitSettings(validation=0.75, split="published"), 70)


def test_folds_out_of_range() -> None:
    with pytest.raises(SettingError, match="fold 5: expected 0 to 4"):
        divide("t", LABELS, Trial(0, 5, 5), SplitSettings())
    with pytest.raises(SettingError, match="expected at least 2"):
        divide("t", LABELS, Trial(0, 0, 1), SplitSettings())
    with pytest.raises(DataError, match="no class has a row for each; use fewer folds"):
        divide("t", LABELS, Trial(0, 0, 61), SplitSettings())
