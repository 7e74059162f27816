"""The published -C files: read exactly where they are right, refused where they are not."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.corruptions.published import published_corruptions
from mixup_multi_adapters.images.release import make_part

SHAPE = (50_000, 32, 32, 3)


def write_arrays(root: Path, labels: np.ndarray, *names: str) -> None:
    """Write files whose row tells the severity, the row and the type; sparse on the disk."""
    folder = root / "CIFAR-10-C"
    folder.mkdir(exist_ok=True)
    np.save(folder / "labels.npy", np.tile(labels, 5))
    for number, name in enumerate(names):
        file = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.uint8, SHAPE)
        for severity in range(5):
            for row in range(20):
                file[10_000 * severity + row] = _picture(severity + 1, row, number)
        file.flush()


def _picture(severity: int, row: int, number: int) -> np.ndarray:
    random = np.random.default_rng((severity, row, number))
    return random.integers(0, 256, (32, 32, 3), dtype=np.uint8)


@pytest.fixture
def root(write_cifar10: Path) -> Path:
    """A data root with 20 images in CIFAR-10's test part, and two types of CIFAR-10-C."""
    with (write_cifar10 / "cifar-10-batches-py" / "test_batch").open("rb") as file:
        first = np.array(pickle.load(file)["labels"])
    labels = np.zeros(10_000, dtype=np.uint8)
    labels[: len(first)] = first
    write_arrays(write_cifar10, labels, "fog", "frost")
    return write_cifar10


def load(root: Path, **settings: object) -> Data:
    return ImageAdapter.datasets["cifar10"].load(root, Trial(), partial=True, **settings)


def test_the_files_rows_are_read_by_severity_and_row(root: Path) -> None:
    data = load(root)
    assert len(data.shifts.published) == 19
    for number, name in enumerate(("fog", "frost")):
        shift = data.shifts.published[name]
        shift.check(data.test)
        assert shift.of(data.test, 0, 0) is data.test
        for severity in (1, 2, 5):
            found = shift.of(data.test, severity, seed=severity)
            assert list(found.ids) == list(data.test.ids)
            for rows in ([3, 0, 19, 3], [4, 5, 6], []):
                batch = found.gather(torch.tensor(rows, dtype=torch.long))
                pictures = [_picture(severity, row, number) for row in rows]
                stored = np.array(pictures, dtype=np.uint8).reshape(-1, 32, 32, 3)
                expected = data.test.prepare(torch.from_numpy(stored).permute(0, 3, 1, 2))  # type: ignore[attr-defined]
                assert torch.equal(batch.inputs, expected)
                assert batch.targets.argmax(1).tolist() == [row % 10 for row in rows]


def test_the_training_images_have_no_published_ones(root: Path) -> None:
    data = load(root, validation=0.2)
    fog = data.shifts.published["fog"]
    with pytest.raises(SettingError, match=r"has the test images only: expected part: test"):
        fog.check(data.validation)  # type: ignore[arg-type]


Spoil = Callable[[Path], object]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda f: (f / "fog.npy").unlink(),
            r"fog.npy is missing.*2.9 GB.*zenodo.org/record/2535967",
        ),
        (lambda f: (f / "labels.npy").unlink(), r"labels.npy is missing"),
        (
            lambda f: np.save(f / "fog.npy", np.zeros((10_000, 32, 32, 3), np.uint8)),
            r"uint8 of shape \(10000, 32, 32, 3\); expected uint8 of shape \(50000, 32, 32, 3\)",
        ),
        (
            lambda f: np.save(f / "labels.npy", np.zeros(50_000)),
            r"holds float64 of shape \(50000,\)",
        ),
        (lambda f: (f / "fog.npy").write_bytes(b"\x93NUMPY"), "cannot be read as a .npy file"),
        (
            lambda f: np.save(f / "labels.npy", np.ones(50_000, np.uint8)),
            "other labels than the test part: expected those of the same data set",
        ),
    ],
)
def test_wrong_files_are_refused(root: Path, spoil: Spoil, message: str) -> None:
    spoil(root / "CIFAR-10-C")
    data = load(root)
    with pytest.raises(DataError, match=f"CIFAR-10-C: .*{message}"):
        data.shifts.published["fog"].check(data.test)
    with pytest.raises(DataError, match=r"Or set `made: here`"):
        data.shifts.published["fog"].of(data.test, 3, 0)


def test_sets_without_published_files_offer_none() -> None:
    digits = ImageAdapter.datasets["digits"].load(Path(), Trial())
    assert not digits.shifts.published


def test_tiny_imagenet_is_answered_by_class_and_number(
    tmp_path: Path, write_picture: Callable[..., None]
) -> None:
    from mixup_multi.engine.source import TensorSource

    classes = ("n01", "n02")
    labels = torch.tensor([0, 1, 0, 1, 0])
    part = make_part("here", "test", torch.zeros(5, 3, 64, 64, dtype=torch.uint8), labels, classes)
    source = TensorSource(part.pixels, part.labels, 2, part.ids, lambda x: x.float())
    folder = tmp_path / "Tiny-ImageNet-C" / "fog"
    for severity in range(1, 6):
        for row, label in enumerate(labels.tolist()):
            colour = (severity * 10, 2 * row + 100, label)
            # A lexical order would put val_10 before val_2.
            name = f"val_{row * 5}.png"
            write_picture(folder / str(severity) / classes[label] / name, colour)
    fog = published_corruptions("tiny_imagenet", tmp_path, classes)["fog"]
    fog.check(source)
    found = fog.of(source, 4, 0).gather(torch.tensor([4, 0, 3])).inputs
    assert found.shape == (3, 3, 64, 64)
    assert found[:, 0].unique().tolist() == [40]
    assert found[:, 1, 0, 0].tolist() == [108, 100, 106]
    assert found[:, 2, 0, 0].tolist() == [0, 0, 1]
    (folder / "4" / "n02" / "val_15.png").unlink()
    with pytest.raises(DataError, match=r"n02 holds 1 images; expected 2, as the test part has"):
        fog.of(source, 4, 0)
    snow = published_corruptions("tiny_imagenet", tmp_path, classes)["snow"]
    with pytest.raises(DataError, match=r"snow/1 is missing; expected snow/1/CLASS/\*.JPEG"):
        snow.check(source)
