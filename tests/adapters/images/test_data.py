from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_type_hints

import pytest
import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import SettingError
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.augment import CropFlip

CIFAR10 = ImageAdapter.datasets["cifar10"]
DIGITS = ImageAdapter.datasets["digits"]


def _digits(seed: int = 0, **settings: object) -> Data:
    return DIGITS.load(Path("nowhere"), Trial(seed), **settings)


def test_digits_are_split_by_class() -> None:
    data = _digits()
    assert len(data.train) + len(data.test) == 1_797
    whole = torch.bincount(data.train.labels) + torch.bincount(data.test.labels)
    assert whole.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    shares = torch.bincount(data.test.labels) / whole
    assert bool(((shares - 0.2).abs() < 1 / 174).all())
    assert not set(data.train.ids) & set(data.test.ids)


def test_digits_are_ones_channel_and_scaled_to_one() -> None:
    inputs = _digits().test.gather(torch.arange(50)).inputs
    assert inputs.shape == (50, 1, 8, 8)
    assert (float(inputs.min()), float(inputs.max())) == (-1.0, 1.0)


def test_the_split_follows_the_seed_and_ids_follow_the_image() -> None:
    first, again, other = _digits(1), _digits(1), _digits(2)
    assert first.key == again.key != other.key
    assert first.test.ids == again.test.ids != other.test.ids

    def by_id(data: Data) -> dict[str, torch.Tensor]:
        inputs = data.test.gather(torch.arange(len(data.test))).inputs
        return dict(zip(data.test.ids, inputs, strict=True))

    ours, theirs = by_id(first), by_id(other)
    shared = ours.keys() & theirs.keys()
    assert shared
    assert all(torch.equal(ours[name], theirs[name]) for name in shared)


def test_digits_can_be_cross_validated() -> None:
    parts = [DIGITS.load(Path("nowhere"), Trial(0, fold, 5)).test.ids for fold in range(5)]
    assert sorted(name for part in parts for name in part) == [
        f"digits/{i:05d}" for i in range(1797)
    ]


def test_published_parts_are_not_cross_validated(write_cifar10: Path) -> None:
    with pytest.raises(SettingError, match="not cross-validated"):
        CIFAR10.load(write_cifar10, Trial(0, 1, 5), partial=True)


def test_validation_is_held_out_of_training_by_class(write_cifar10: Path) -> None:
    data = CIFAR10.load(write_cifar10, Trial(3), partial=True, validation=0.2)
    assert data.validation is not None
    assert torch.bincount(data.train.labels).tolist() == [8] * 10
    assert torch.bincount(data.validation.labels).tolist() == [2] * 10
    assert len({*data.train.ids, *data.validation.ids}) == 100
    assert len(data.test) == 20
    assert data.notes[1] == "20 of 100 training images held out for validation"


def test_a_subset_is_marked_and_the_validation_part_is_held_out_of_it(write_cifar10: Path) -> None:
    load = CIFAR10.load
    data = load(write_cifar10, Trial(3), partial=True, train_rows=50, validation=0.4)
    assert data.validation is not None
    assert (len(data.train), len(data.validation)) == (30, 20)
    assert data.notes[1:] == (
        "subset: 50 of 100 training images",
        "20 of 50 training images held out for validation",
    )
    plain = load(write_cifar10, Trial(3), partial=True, train_rows=50)
    assert set(plain.train.ids) == {*data.train.ids, *data.validation.ids}
    assert len({data.key, plain.key, load(write_cifar10, Trial(3), partial=True).key}) == 3
    assert len(load(write_cifar10, Trial(3), partial=True, train_rows=100).notes) == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"validation": 1.0}, "validation: 1.0"),
        ({"validation": -0.1}, "validation: -0.1"),
        ({"validation": 1e-9}, "is none"),
        ({"train_rows": 0}, "train_rows: 0"),
        ({"train_rows": 10_000}, "train_rows: 10000; expected at most"),
        ({"crop": -1}, "crop: -1"),
        ({"fill": 256}, "fill: 256"),
        ({"test": 0.0}, "test: 0.0"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, float], message: str) -> None:
    with pytest.raises(SettingError, match=message):
        _digits(**settings)


def test_augmentation_of_the_protocol_is_each_sets_default() -> None:
    defaults = {}
    for name, dataset in ImageAdapter.datasets.items():
        settings = inspect.signature(dataset.load).parameters
        defaults[name] = settings["crop"].default, settings["flip"].default
    assert defaults == {
        "cifar10": (2, True),
        "cifar100": (2, True),
        "svhn": (2, False),
        "mnist": (0, False),
        "fashion_mnist": (0, False),
        "tiny_imagenet": (4, True),
        "image_folder": (0, False),
        "digits": (0, False),
    }


def test_only_training_images_are_augmented(write_cifar10: Path) -> None:
    data = CIFAR10.load(write_cifar10, Trial(), partial=True, validation=0.2, fill=9)
    assert data.train.augment == CropFlip(2, True, 9)  # type: ignore[attr-defined]
    index = torch.arange(20)
    for source in (data.test, data.validation):
        assert source is not None
        plain = source.gather(index).inputs
        assert torch.equal(source.gather(index, torch.Generator()).inputs, plain)
    crops = data.train.gather(index, torch.Generator().manual_seed(0)).inputs
    assert not torch.equal(crops, data.train.gather(index).inputs)
    assert _digits().train.augment is None  # type: ignore[attr-defined]


def test_augmentation_never_changes_what_is_stored(write_cifar10: Path) -> None:
    data = CIFAR10.load(write_cifar10, Trial(), partial=True)
    stored = data.train.inputs.clone()  # type: ignore[attr-defined]
    for seed in range(3):
        batch = data.train.gather(torch.arange(100), torch.Generator().manual_seed(seed))
        batch.inputs.zero_()
    assert torch.equal(data.train.inputs, stored)  # type: ignore[attr-defined]


def test_every_setting_has_a_type_that_can_be_resolved() -> None:
    offered = [each.load for each in ImageAdapter.datasets.values()]
    for function in (*offered, *ImageAdapter.models.values()):
        hints = get_type_hints(function)
        for name, setting in inspect.signature(function).parameters.items():
            assert name in hints
            if setting.kind is inspect.Parameter.KEYWORD_ONLY:
                assert name in (function.__doc__ or "") or "see `" in (function.__doc__ or "")


def test_importing_the_adapter_imports_no_data_library() -> None:
    code = (
        "import sys, mixup_multi_adapters.images\n"
        "heavy = {'torchvision', 'PIL', 'sklearn', 'scipy', 'pandas'}\n"
        "sys.exit(str(heavy & set(sys.modules)) if heavy & set(sys.modules) else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
