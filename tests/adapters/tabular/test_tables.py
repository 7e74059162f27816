"""The tables of the MixupE grid, as they really are, and scikit-learn's."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.tabular import TabularAdapter

DATASETS = TabularAdapter.datasets

# name: (rows, features, classes), measured on the published files.
SIZES = {
    "arrhythmia": (452, 279, 13),
    "letter": (20_000, 16, 26),
    "balance_scale": (625, 4, 3),
    "mfeat_factors": (2_000, 216, 10),
    "mfeat_fourier": (2_000, 76, 10),
    "mfeat_karhunen": (2_000, 64, 10),
    "mfeat_morphological": (2_000, 6, 10),
    "mfeat_zernike": (2_000, 47, 10),
    "cmc": (1_473, 9, 3),
    "optdigits": (5_620, 64, 10),
    "pendigits": (10_992, 16, 10),
    "iris": (150, 4, 3),
    "mnist_784": (70_000, 784, 10),
    "abalone": (4_177, 8, 3),
}
BUNDLED = {
    "sklearn_iris": (150, 4, 3),
    "sklearn_digits": (1_797, 64, 10),
    "sklearn_wine": (178, 13, 3),
    "sklearn_breast_cancer": (569, 30, 2),
}


def tensors(source: object) -> TensorSource:
    assert isinstance(source, TensorSource)
    return source


def check_split(data: Data, test: float) -> None:
    """Disjoint, all rows, and each class's test count the nearest whole ones to its share."""
    parts = [data.train, data.test] + ([data.validation] if data.validation else [])
    ids = [int(row) for part in parts for row in part.ids]
    assert sorted(ids) == list(range(data.facts["rows"]))
    count = len(data.classes)
    total = sum(torch.bincount(part.labels, minlength=count) for part in parts)
    tested = torch.bincount(data.test.labels, minlength=count)
    assert bool((total > 0).all())
    assert bool(((tested - test * total).abs() < 1).all())


def files_of(folder: Path) -> list[tuple[str, int, int]]:
    found = sorted(folder.rglob("*"))
    return [(str(p), p.stat().st_mtime_ns, p.stat().st_size) for p in found]


@pytest.mark.parametrize("name", SIZES)
def test_grid_table(name: str, real_openml: Path) -> None:
    before = files_of(real_openml / DATASETS[name].folder)
    data = DATASETS[name].load(real_openml, Trial(seed=3))
    assert (data.facts["rows"], data.facts["features"], len(data.classes)) == SIZES[name]
    assert tensors(data.train).inputs.shape == (len(data.train), data.facts["width"])
    assert tensors(data.train).inputs.dtype == torch.float32
    check_split(data, test=0.2)
    assert files_of(real_openml / DATASETS[name].folder) == before


@pytest.mark.parametrize("name", BUNDLED)
def test_bundled_table_needs_no_files(name: str, tmp_path: Path) -> None:
    data = DATASETS[name].load(tmp_path, Trial(), validation=0.1)
    assert (data.facts["rows"], data.facts["features"], len(data.classes)) == BUNDLED[name]
    assert data.validation is not None
    check_split(data, test=0.2)


def test_bundled_classes_are_named(tmp_path: Path) -> None:
    data = DATASETS["sklearn_breast_cancer"].load(tmp_path, Trial())
    assert data.classes == ("malignant", "benign")


def test_every_grid_name_is_offered_and_sized() -> None:
    others = {"volkert", "openml", "file", "sklearn_diabetes"}
    assert set(SIZES) | set(BUNDLED) | others == set(DATASETS)
    assert "3 classes" in DATASETS["abalone"].summary
    assert "183" in DATASETS["abalone"].summary
    assert DATASETS["volkert"].folder.endswith("datasets/41166")


def test_arrhythmia_missing_values_and_absent_classes(real_openml: Path) -> None:
    data = DATASETS["arrhythmia"].load(real_openml, Trial())
    absent = "declared classes without rows left out: 11, 12, 13"
    assert data.notes == (absent, "without a row in test: class '8' (2 rows)")
    assert bool(torch.isfinite(tensors(data.train).inputs).all())
    plain = DATASETS["arrhythmia"].load(real_openml, Trial(), indicator=False)
    # Five numeric columns (T, P, QRST, J, heart rate) have missing values.
    assert data.facts["width"] - plain.facts["width"] == 5
    flags = tensors(data.train).inputs[:, 206:211]
    assert set(flags.unique().tolist()) == {0.0, 1.0}


def test_standardised_training_columns(real_openml: Path) -> None:
    data = DATASETS["letter"].load(real_openml, Trial())
    inputs = tensors(data.train).inputs.double()
    assert inputs.mean(0).abs().max() < 1e-6
    assert (inputs.std(0, correction=0) - 1).abs().max() < 1e-5
    tested = tensors(data.test).inputs.double()
    assert tested.mean(0).abs().max() > 1e-4  # the test rows had no say


def test_constant_pixels_of_digits_are_zero(real_openml: Path) -> None:
    data = DATASETS["optdigits"].load(real_openml, Trial())
    inputs = tensors(data.train).inputs
    assert bool((inputs[:, 0] == 0).all())
    spread = inputs.double().std(0, correction=0)
    assert bool(((spread - 1).abs() < 1e-5).logical_or(spread == 0).all())


def test_published_split_of_mnist(real_openml: Path) -> None:
    data = DATASETS["mnist_784"].load(
        real_openml, Trial(), split="published", scale="none", validation=0.1
    )
    assert data.validation is not None
    assert (len(data.train), len(data.validation), len(data.test)) == (53_000, 7_000, 10_000)
    assert data.test.ids[0] == "60000"
    assert max(int(row) for row in (*data.train.ids, *data.validation.ids)) == 59_999
    assert tensors(data.train).inputs.max() == 255
    # The published test set: 980 zeros, 1,135 ones, ... 1,009 nines.
    counts = torch.bincount(data.test.labels).tolist()
    assert counts == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]


def test_published_split_is_refused_elsewhere(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no published split; expected split: random"):
        DATASETS["sklearn_iris"].load(tmp_path, Trial(), split="published")


def test_seed_decides_the_split_and_nothing_else_does(tmp_path: Path) -> None:
    def load(seed: int) -> Data:
        return DATASETS["sklearn_wine"].load(tmp_path, Trial(seed))

    first, again, other = load(1), load(1), load(2)
    assert torch.equal(tensors(first.train).inputs, tensors(again.train).inputs)
    assert first.train.ids == again.train.ids
    assert first.train.ids != other.train.ids
    assert first.key == other.key


def test_data_of_28_classes_by_id(real_openml: Path) -> None:
    data = DATASETS["openml"].load(real_openml, Trial(), id=183)
    assert data.name == "openml_183_abalone"
    assert len(data.classes) == 28  # of 29 declared; three have a single row
    absent, untested = data.notes
    assert absent == "declared classes without rows left out: 28"
    assert untested.startswith("without a row in test: classes '1' (1 row), '2' (1 row)")
    single = torch.bincount(data.train.labels) == 1
    assert bool((torch.bincount(data.test.labels, minlength=28)[single] <= 1).all())


def test_absent_table_names_the_folder_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        DATASETS["letter"].load(tmp_path, Trial())
    message = str(caught.value)
    assert str(tmp_path / "openml" / "org" / "openml" / "www" / "datasets" / "6") in message
    assert "0.7 MB" in message
    assert "mixup-multi data fetch letter" in message
