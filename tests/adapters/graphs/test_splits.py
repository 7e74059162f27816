"""Splits of graphs: the protocol's folds, and shares where there are none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.model_selection import StratifiedKFold

from mixup_multi.engine.source import Data, Source, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.graphs import GraphAdapter

DATASETS = GraphAdapter().datasets


def _rows(part: Source | None) -> set[int]:
    return {int(name) for name in part.ids} if part is not None else set()


def _motifs(trial: Trial, **settings: object) -> Data:
    return DATASETS["motifs"].load(Path("unused"), trial, **settings)


def test_folds_are_stratified_disjoint_and_cover(real_graphs: Path) -> None:
    folds = [DATASETS["mutag"].load(real_graphs, Trial(fold=f, folds=10)) for f in range(10)]
    assert sorted(row for data in folds for row in _rows(data.test)) == list(range(188))
    for data in folds:
        assert data.validation is None
        assert _rows(data.train) | _rows(data.test) == set(range(188))
        assert not _rows(data.train) & _rows(data.test)
        counts = torch.bincount(data.test.labels)
        assert counts[0] in (6, 7)  # a tenth of 63 and of 125
        assert counts[1] in (12, 13)
    assert len({data.key for data in folds}) == 10


def test_folds_are_the_protocols(real_graphs: Path) -> None:
    data = DATASETS["ptc_mr"].load(real_graphs, Trial(seed=5, fold=2, folds=10))
    whole = DATASETS["ptc_mr"].load(real_graphs, Trial(), test=0.5)
    labels = np.zeros(344, dtype=np.int64)
    for part in (whole.train, whole.test):
        labels[[int(name) for name in part.ids]] = part.labels.numpy()
    splitter = StratifiedKFold(10, shuffle=True, random_state=0)
    train, test = list(splitter.split(np.zeros(344), labels))[2]
    assert list(map(int, data.train.ids)) == train.tolist()
    assert list(map(int, data.test.ids)) == test.tolist()


def test_the_trials_seed_moves_the_folds_only_if_asked() -> None:
    trials = [Trial(seed=seed, fold=0, folds=5) for seed in (0, 1)]
    assert len({_motifs(trial).key for trial in trials}) == 1
    own = [_motifs(trial, split_seed=None) for trial in trials]
    assert own[0].key == _motifs(trials[0]).key
    assert _rows(own[0].test) != _rows(own[1].test)


def test_validation_is_a_stratified_share_of_the_training_graphs() -> None:
    trial = Trial(fold=1, folds=10)
    data = _motifs(trial, validation=0.2)
    assert data.validation is not None
    assert _rows(data.test) == _rows(_motifs(trial).test)
    assert len(data.test) == 30
    trained = torch.bincount(torch.cat([data.train.labels, data.validation.labels]))
    held_out = torch.bincount(data.validation.labels)
    assert (held_out - 0.2 * trained).abs().max() < 1  # of each class, to a whole graph
    rows = [_rows(part) for part in (data.train, data.validation, data.test)]
    assert sum(map(len, rows)) == 300 == len(set.union(*rows))


def test_without_folds_a_stratified_share_is_the_test_part() -> None:
    data = _motifs(Trial(), test=0.2)
    assert torch.bincount(data.test.labels).tolist() == [15, 15, 15, 15]
    assert torch.bincount(data.train.labels).tolist() == [60, 60, 60, 60]


@pytest.mark.parametrize(
    "settings", [{"test": 0.0}, {"test": 1.0}, {"validation": 1.0}, {"validation": -0.1}]
)
def test_share_out_of_range(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(settings))}: .*expected a share"):
        _motifs(Trial(), **settings)


def test_fold_that_is_not_there() -> None:
    with pytest.raises(SettingError, match="fold 10: expected 0 to 9"):
        _motifs(Trial(fold=10, folds=10))


@pytest.mark.filterwarnings("ignore:The least populated class")
def test_class_without_training_graph(write_tiny: Callable[..., Path]) -> None:
    root = write_tiny(graph_labels=lambda lines: ["1", "1", "1", "2"])
    splitter = StratifiedKFold(3, shuffle=True, random_state=0)
    tested = [test.tolist() for _, test in splitter.split(np.zeros(4), [0, 0, 0, 1])]
    fold = next(fold for fold, test in enumerate(tested) if 3 in test)
    with pytest.raises(DataError, match="no training row of class 2"):
        DATASETS["tudataset"].load(root, Trial(fold=fold, folds=3), table="TINY")


@pytest.mark.parametrize("table", ["", "../x", "a/b"])
def test_table_that_is_no_name(table: str) -> None:
    with pytest.raises(SettingError, match="expected a TUDataset's name"):
        DATASETS["tudataset"].load(Path("unused"), Trial(), table=table)
