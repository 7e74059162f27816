"""Tables whose target is a number: read, split and standardised, and what cannot be one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.datasets import load_diabetes

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.tabular import stored
from mixup_multi_adapters.tabular.data import DATASETS
from mixup_multi_adapters.tabular.models import mlp

ROWS = 60


def frame() -> pd.DataFrame:
    random = np.random.default_rng(0)
    size = random.normal(size=ROWS)
    return pd.DataFrame(
        {
            "size": size,
            "colour": random.choice(["red", "green"], ROWS),
            "ripe": random.choice(["no", "yes"], ROWS),
            "price": 100 + 7 * size + random.normal(size=ROWS),
        }
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    frame().to_csv(tmp_path / "fruit.csv", index=False)
    return tmp_path


def load(folder: Path, trial: Trial = Trial(), **settings: object) -> Data:  # noqa: B008  (frozen)
    given = {"path": "fruit.csv", "task": "regression", **settings}
    return DATASETS["file"].load(folder, trial, **given)


def numbers(data: Data) -> tuple[np.ndarray, list[int]]:
    """Return the training targets, back in their units, and their rows."""
    scale = data.facts["target_std"], data.facts["target_mean"]
    labels = data.train.labels.double().squeeze(1).numpy()
    return labels * scale[0] + scale[1], [int(row) for row in data.train.ids]


def test_targets_are_standardised_by_the_training_rows(folder: Path) -> None:
    data = load(folder, validation=0.2)
    assert (data.loss, data.classes, data.facts["features"]) == ("squared", ("price",), 3)
    labels = data.train.labels
    assert labels.shape == (len(data.train), 1)
    assert labels.dtype == torch.float32
    assert labels.mean().abs() < 1e-6
    assert labels.std(correction=0).item() == pytest.approx(1, abs=1e-6)
    assert data.test.labels.mean().abs() > 1e-3  # the test rows had no say
    back, rows = numbers(data)
    np.testing.assert_allclose(back, frame()["price"].to_numpy()[rows], rtol=1e-6)
    assert "100 (1 - R^2)" in " ".join(data.notes)
    batch = data.train.gather(torch.tensor([3, 1]))
    assert torch.equal(batch.targets, labels[[3, 1]])
    assert mlp(data)(batch.inputs).shape == (2, 1)


def test_splits_are_plain_random_ones(folder: Path) -> None:
    data = load(folder, test=0.25, validation=0.15)
    assert [len(p) for p in (data.train, data.validation, data.test)] == [36, 9, 15]
    ids = [row for part in (data.train, data.validation, data.test) for row in part.ids]
    assert sorted(map(int, ids)) == list(range(ROWS))
    assert load(folder, Trial(1)).test.ids != load(folder, Trial(2)).test.ids
    folds = [load(folder, Trial(3, fold, 4)) for fold in range(4)]
    assert [len(data.test) for data in folds] == [15] * 4
    assert sorted(int(row) for data in folds for row in data.test.ids) == list(range(ROWS))


def test_whole_numbers_are_classes_or_quantities_as_the_task_says(folder: Path) -> None:
    content = frame().assign(price=np.arange(ROWS) % 5)
    content.to_csv(folder / "fruit.csv", index=False)
    assert load(folder, task="classification").classes == ("0", "1", "2", "3", "4")
    data = load(folder)
    assert data.classes == ("price",)
    assert data.key != load(folder, task="classification").key


def test_an_openml_table_predicts_a_number(real_openml: Path) -> None:
    """Balance scale's left weight, from the rest."""
    settings = {"id": 11, "target": "left-weight", "task": "regression"}
    data = DATASETS["openml"].load(real_openml, Trial(), **settings)
    assert data.classes == ("left-weight",)
    back, _ = numbers(data)
    assert set(np.round(back, 4)) == {1, 2, 3, 4, 5}


def test_diabetes_is_scikit_learns(tmp_path: Path) -> None:
    data = DATASETS["sklearn_diabetes"].load(tmp_path, Trial())
    assert (data.facts["rows"], data.facts["features"]) == (442, 10)
    back, rows = numbers(data)
    np.testing.assert_allclose(back, load_diabetes().target[rows], rtol=1e-5)


def test_a_copy_in_the_cache_knows_its_task(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "SLOW", -1.0)
    monkeypatch.setenv("MIXUP_MULTI_CACHE", str(folder / "cache"))
    content = frame().assign(price=np.arange(ROWS) % 5)
    content.to_csv(folder / "fruit.csv", index=False)
    first = [load(folder, task=task) for task in ("regression", "classification")]
    monkeypatch.setattr(stored, "read_frame", None)  # parsing again would fail
    again = [load(folder, task=task) for task in ("regression", "classification")]
    assert [data.key for data in again] == [data.key for data in first]
    assert [data.loss for data in again] == ["squared", "softmax"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"price": 3.0}, "standard deviation 0.*expects numbers that vary"),
        ({"price": [np.nan] + [1.0, 2.5] * 29 + [3.0]}, "missing in 1 of 60.*expected a number"),
        ({"price": [np.inf] + [1.0, 2.5] * 29 + [3.0]}, "infinite in 1 rows"),
        ({"price": ["a", "b"] * 30}, "names classes; regression expects numbers"),
        ({"price": [True, False] * 30}, "names classes; regression expects numbers"),
    ],
)
def test_what_is_no_number_to_predict(folder: Path, change: dict[str, object], said: str) -> None:
    frame().assign(**change).to_csv(folder / "fruit.csv", index=False)
    with pytest.raises(DataError, match=said):
        load(folder)


def test_a_quantity_taken_for_classes_names_the_task(folder: Path) -> None:
    with pytest.raises(DataError, match="a quantity.*task: regression"):
        load(folder, task="classification")
