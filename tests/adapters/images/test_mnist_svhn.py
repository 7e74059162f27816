from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError
from mixup_multi_adapters.images import ImageAdapter

SVHN = ImageAdapter.datasets["svhn"]
KINDS = ("mnist", "fashion_mnist")


def _write(root: Path, kind: str, write_idx, train: int = 30, test: int = 10) -> Path:
    """Write idx files with the row in every pixel of an image; return the folder."""
    raw = root / ImageAdapter.datasets[kind].folder / "raw"
    for prefix, n in (("train", train), ("t10k", test)):
        pixels = np.broadcast_to(np.arange(n)[:, None, None], (n, 28, 28))
        write_idx(raw / f"{prefix}-images-idx3-ubyte", pixels)
        write_idx(raw / f"{prefix}-labels-idx1-ubyte", np.arange(n) % 10)
    return raw


def _load(root: Path, kind: str, **settings: object) -> Data:
    return ImageAdapter.datasets[kind].load(root, Trial(), **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_idx_files_are_read_and_marked(tmp_path: Path, write_idx, kind: str) -> None:
    _write(tmp_path, kind, write_idx)
    data = _load(tmp_path, kind, partial=True)
    assert (len(data.train), len(data.test), len(data.classes)) == (30, 10, 10)
    inputs = data.train.gather(torch.tensor([7, 0])).inputs
    mean, std = {"mnist": (0.1307, 0.3081), "fashion_mnist": (0.2860, 0.3530)}[kind]
    assert inputs.shape == (2, 1, 28, 28)
    assert inputs[0, 0, 3, 4].item() == pytest.approx((7 / 255 - mean) / std, abs=1e-6)
    assert data.name == f"{kind} (partial)"
    assert "30 of 60,000 training and 10 of 10,000 test images" in data.notes[0]


@pytest.mark.parametrize("kind", KINDS)
def test_fewer_images_are_refused_without_the_opt_in(tmp_path: Path, write_idx, kind: str) -> None:
    _write(tmp_path, kind, write_idx)
    with pytest.raises(DataError, match=r"30 of 60,000 training.*partial: true"):
        _load(tmp_path, kind)


def test_the_whole_number_of_images_is_not_marked(tmp_path: Path, write_idx) -> None:
    _write(tmp_path, "mnist", write_idx, train=60_000, test=10_000)
    for partial in (False, True):
        data = _load(tmp_path, "mnist", partial=partial)
        assert (data.name, data.notes) == ("mnist", ())
        assert (len(data.train), len(data.test)) == (60_000, 10_000)


def test_a_shortened_idx_file_is_named(tmp_path: Path, write_idx) -> None:
    raw = _write(tmp_path, "mnist", write_idx)
    path = raw / "train-images-idx3-ubyte"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte has 23,535 bytes.*23,536"):
        _load(tmp_path, "mnist", partial=True)
    path.write_bytes(b"no idx")
    with pytest.raises(DataError, match="is no idx file"):
        _load(tmp_path, "mnist", partial=True)


def test_labels_of_another_length_are_refused(tmp_path: Path, write_idx) -> None:
    raw = _write(tmp_path, "mnist", write_idx)
    write_idx(raw / "t10k-labels-idx1-ubyte", np.zeros(9))
    with pytest.raises(DataError, match="10 images but 9 labels"):
        _load(tmp_path, "mnist", partial=True)


def _write_svhn(folder: Path, train: int = 20, test: int = 20) -> np.ndarray:
    """Write both parts as the published MATLAB files are; return the training pixels."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(0)
    for part, n in (("test", test), ("train", train)):
        pixels = random.integers(0, 256, (32, 32, 3, n), dtype=np.uint8)
        labels = (np.arange(n) % 10 + 1)[:, None].astype(np.uint8)  # 10 stands for the digit 0
        savemat(folder / f"{part}_32x32.mat", {"X": pixels, "y": labels})
    return pixels


def test_svhn_is_read_with_the_label_10_as_0(tmp_path: Path) -> None:
    pixels = _write_svhn(tmp_path / "svhn")
    data = SVHN.load(tmp_path, Trial(), partial=True)
    assert data.train.labels[:11].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    image = data.train.gather(torch.tensor([4])).inputs[0]
    expected = pixels[:, :, :, 4].transpose(2, 0, 1) / 127.5 - 1
    np.testing.assert_allclose(image.numpy(), expected, atol=1e-6)
    assert "20 of 73,257 training and 20 of 26,032 test images" in data.notes[0]


def test_svhn_is_held_against_its_published_checksums(tmp_path: Path) -> None:
    _write_svhn(tmp_path / "elsewhere")
    with pytest.raises(DataError, match=r"MD5 of train_32x32\.mat, test_32x32\.mat"):
        SVHN.load(tmp_path, Trial(), folder="elsewhere")
    (tmp_path / "elsewhere" / "train_32x32.mat").write_bytes(b"cut")
    with pytest.raises(DataError, match=r"train_32x32\.mat cannot be read"):
        SVHN.load(tmp_path, Trial(), folder=str(tmp_path / "elsewhere"), partial=True)


def test_mnist_is_also_read_from_openmls_table(real_openml) -> None:
    data = _load(real_openml, "mnist")
    assert (data.name, data.notes, data.classes) == ("mnist", (), tuple("0123456789"))
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert data.train.labels[:8].tolist() == [5, 0, 4, 1, 9, 2, 1, 3]  # as everybody knows them
    assert data.test.labels[:5].tolist() == [7, 2, 1, 0, 4]
    batch = data.train.gather(torch.arange(2))
    assert batch.inputs.shape == (2, 1, 28, 28)
    assert round(float((batch.inputs[0] * 0.3081 + 0.1307).mean() * 255), 2) == 35.11


def test_another_table_in_its_place_is_refused(tmp_path) -> None:
    import pandas as pd

    path = tmp_path / "openml/org/openml/www/datasets/554/dataset_554.pq"
    path.parent.mkdir(parents=True)
    pd.DataFrame({"a": [1], "class": ["0"]}).to_parquet(path)
    with pytest.raises(DataError, match="2 columns: expected MNIST's 784 pixels"):
        _load(tmp_path, "mnist")
    path.write_bytes(b"PAR1 no more")
    with pytest.raises(DataError, match="cannot be read"):
        _load(tmp_path, "mnist")
