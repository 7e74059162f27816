from __future__ import annotations

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.cifar import read_pickle

CIFAR10 = ImageAdapter.datasets["cifar10"]
CIFAR100 = ImageAdapter.datasets["cifar100"]


@pytest.fixture(scope="module")
def first_rows(real_cifar10: Path) -> Data:
    return CIFAR10.load(real_cifar10, Trial(), folder="cifar10-first-rows", partial=True)


def test_first_rows_have_the_counts_of_the_manifest(first_rows: Data) -> None:
    assert (len(first_rows.train), len(first_rows.test)) == (8_068, 1_017)
    counts = torch.bincount(first_rows.train.labels)
    assert (int(counts.min()), int(counts.max()), len(counts)) == (777, 856, 10)
    assert first_rows.classes[0] == "airplane"
    assert first_rows.classes[-1] == "truck"
    assert first_rows.validation is None


def test_first_rows_are_marked_in_name_and_notes(first_rows: Data) -> None:
    assert first_rows.name == "cifar10 (partial)"
    assert first_rows.notes == (
        "partial: 8,068 of 50,000 training and 1,017 of 10,000 test images; not CIFAR-10 results",
    )


def test_first_rows_are_the_stored_pixels_normalised(first_rows: Data, real_cifar10: Path) -> None:
    batch = real_cifar10 / "cifar10-first-rows" / "cifar-10-batches-py" / "data_batch_2"
    content = read_pickle(batch)
    row = 4_000  # the first of the second batch
    gathered = first_rows.train.gather(torch.tensor([row]))
    pixels = content["data"][0].reshape(3, 32, 32).astype(np.float32)
    mean = np.array([125.3, 123.0, 113.9]).reshape(3, 1, 1)
    std = np.array([63.0, 62.1, 66.7]).reshape(3, 1, 1)
    np.testing.assert_allclose(gathered.inputs[0].numpy(), (pixels - mean) / std, atol=1e-6)
    assert gathered.inputs.dtype == torch.float32
    assert int(gathered.targets.argmax()) == content["labels"][0]
    assert first_rows.train.ids[row] == "train/04000"
    assert first_rows.test.ids[1_016] == "test/01016"


def test_first_rows_are_refused_without_the_opt_in(real_cifar10: Path) -> None:
    with pytest.raises(DataError) as refused:
        CIFAR10.load(real_cifar10, Trial(), folder="cifar10-first-rows")
    message = str(refused.value)
    assert "data_batch_1" in message
    assert "test_batch" in message
    assert "batches.meta" not in message  # that one is the published file
    assert "partial: true" in message


def test_reading_leaves_the_data_root_as_it_was(write_cifar10: Path) -> None:
    def state() -> dict[str, str]:
        files = (path for path in write_cifar10.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}

    before = state()
    CIFAR10.load(write_cifar10, Trial(), partial=True)
    assert state() == before


def test_key_follows_the_content(write_cifar10: Path, write_batch) -> None:
    first = CIFAR10.load(write_cifar10, Trial(), partial=True)
    assert CIFAR10.load(write_cifar10, Trial(), partial=True).key == first.key
    write_batch(write_cifar10 / "cifar-10-batches-py" / "test_batch", 21)
    assert CIFAR10.load(write_cifar10, Trial(), partial=True).key != first.key


def test_missing_data_says_where_it_was_looked_for_and_how_to_fetch_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="data fetch cifar10") as refused:
        CIFAR10.load(tmp_path, Trial())
    assert str(tmp_path / "cifar-10-batches-py") in str(refused.value)
    assert "170 MB" in str(refused.value)


def test_a_missing_file_is_named(write_cifar10: Path) -> None:
    (write_cifar10 / CIFAR10.folder / "data_batch_3").unlink()
    with pytest.raises(DataError, match="lacks data_batch_3"):
        CIFAR10.load(write_cifar10, Trial(), partial=True)


def test_a_truncated_file_is_named_even_with_the_opt_in(write_cifar10: Path) -> None:
    path = write_cifar10 / CIFAR10.folder / "data_batch_4"
    path.write_bytes(path.read_bytes()[:1_000])
    with pytest.raises(DataError, match="data_batch_4 cannot be read"):
        CIFAR10.load(write_cifar10, Trial(), partial=True)


class _MakesAFolder:
    def __init__(self, folder: Path) -> None:
        self.folder = str(folder)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        import os

        return os.mkdir, (self.folder,)


def test_a_pickle_that_would_run_code_is_refused(write_cifar10: Path) -> None:
    made = write_cifar10 / "made"
    path = write_cifar10 / CIFAR10.folder / "data_batch_1"
    path.write_bytes(pickle.dumps({"data": _MakesAFolder(made), "labels": []}))
    with pytest.raises(DataError, match=r"posix\.mkdir|nt\.mkdir"):
        CIFAR10.load(write_cifar10, Trial(), partial=True)
    assert not made.exists()


@pytest.mark.parametrize(
    "batch",
    [
        {"data": np.zeros((2, 3072), np.uint8), "labels": [0]},
        {"data": np.zeros((2, 3072), np.float32), "labels": [0, 1]},
        {"data": np.zeros((2, 100), np.uint8), "labels": [0, 1]},
        {"labels": [0, 1]},
        [0, 1],
    ],
)
def test_a_batch_of_another_form_is_refused(write_cifar10: Path, batch: object) -> None:
    path = write_cifar10 / CIFAR10.folder / "data_batch_1"
    path.write_bytes(pickle.dumps(batch, protocol=3))
    with pytest.raises(DataError, match="data_batch_1"):
        CIFAR10.load(write_cifar10, Trial(), partial=True)


def test_a_label_of_no_class_is_refused(write_cifar10: Path) -> None:
    path = write_cifar10 / CIFAR10.folder / "test_batch"
    batch = {"data": np.zeros((2, 3072), np.uint8), "labels": [0, 10]}
    path.write_bytes(pickle.dumps(batch, protocol=3))
    with pytest.raises(DataError, match="labels from 0 to 10; expected 0 to 9"):
        CIFAR10.load(write_cifar10, Trial(), partial=True)


def test_cifar100_reads_the_fine_labels(tmp_path: Path) -> None:
    base = tmp_path / CIFAR100.folder
    base.mkdir()
    random = np.random.default_rng(0)
    for name, n in (("train", 200), ("test", 100)):
        batch = {
            "data": random.integers(0, 256, (n, 3072), dtype=np.uint8),
            "coarse_labels": [0] * n,
            "fine_labels": [row % 100 for row in range(n)],
        }
        (base / name).write_bytes(pickle.dumps(batch, protocol=3))
    names = [f"class {i}" for i in range(100)]
    (base / "meta").write_bytes(pickle.dumps({"fine_label_names": names}, protocol=3))
    data = CIFAR100.load(tmp_path, Trial(), partial=True)
    assert len(data.classes) == 100
    assert data.train.labels[:101].tolist() == [*range(100), 0]
    assert data.notes[0].endswith("not CIFAR-100 results")
    with pytest.raises(DataError, match="train, test, meta"):
        CIFAR100.load(tmp_path, Trial())


def test_a_failed_download_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from urllib.error import URLError

    def no_network(*args: object, **kwargs: object) -> None:
        raise URLError("no network")

    monkeypatch.setattr("urllib.request.urlopen", no_network)
    for name, dataset in ImageAdapter.datasets.items():
        if dataset.fetch is not None:
            with pytest.raises(DataError, match=rf"{name}: the download \(\d+ MB\).*no network"):
                dataset.fetch(tmp_path / name)
