from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.pictures import decode, read_picture

FOLDER = ImageAdapter.datasets["image_folder"]
TINY = ImageAdapter.datasets["tiny_imagenet"]


@pytest.fixture
def tree(tmp_path: Path, write_picture) -> Path:
    """Return a folder with three parts of two classes, cats dark and dogs bright."""
    for part, n in (("train", 5), ("test", 2), ("val", 3)):
        for name, level in (("cats", 10), ("dogs", 200)):
            for i in range(n):
                write_picture(tmp_path / part / name / f"{i}.png", (level, level, i), (9, 12))
    (tmp_path / "train" / "cats" / "notes.txt").write_text("no picture")
    return tmp_path


def _load(path: Path, **settings: object) -> Data:
    return FOLDER.load(Path("nowhere"), Trial(), path=str(path), size=8, **settings)


def test_folder_is_read_with_its_parts(tree: Path) -> None:
    data = _load(tree)
    assert data.name == f"image_folder ({tree.name})"
    assert data.classes == ("cats", "dogs")
    assert data.validation is not None
    assert (len(data.train), len(data.test), len(data.validation)) == (10, 4, 6)
    batch = data.train.gather(torch.arange(10))
    assert batch.inputs.shape == (10, 3, 8, 8)
    assert batch.targets.argmax(1).tolist() == [0] * 5 + [1] * 5
    expected = torch.tensor([200, 200, 3]) / 127.5 - 1  # the fourth dog
    assert torch.allclose(batch.inputs[8, :, 5, 5], expected, atol=1e-6)


def test_val_is_the_test_part_where_there_is_no_other(tree: Path, tmp_path: Path) -> None:
    (tree / "test").rename(tree / "unused")
    data = FOLDER.load(tree.parent, Trial(), path=tree.name, size=8, validation=0.4)
    assert data.validation is not None
    assert (len(data.train), len(data.test), len(data.validation)) == (6, 6, 4)


def test_a_second_validation_part_is_refused(tree: Path) -> None:
    with pytest.raises(SettingError, match="comes with a validation part"):
        _load(tree, validation=0.2)


def test_pictures_are_decoded_once(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = _load(tree)

    def refuse(*args: object) -> None:
        raise AssertionError("a picture was decoded again")

    with monkeypatch.context() as patched:
        patched.setattr("mixup_multi_adapters.images.pictures.read_picture", refuse)
        again = _load(tree)
    assert again.key == first.key
    index = torch.arange(10)
    assert torch.equal(again.train.gather(index).inputs, first.train.gather(index).inputs)


def test_a_changed_picture_is_decoded_anew(tree: Path, write_picture) -> None:
    first = _load(tree)
    changed = tree / "train" / "cats" / "0.png"
    before = changed.stat()
    write_picture(changed, (11, 11, 0), (9, 12))
    os.utime(changed, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    again = _load(tree)
    assert again.key != first.key
    assert not torch.equal(*(d.train.gather(torch.tensor([0])).inputs for d in (first, again)))


def test_a_damaged_picture_is_named_and_leaves_no_cache(tree: Path) -> None:
    damaged = tree / "train" / "dogs" / "2.png"
    damaged.write_bytes(damaged.read_bytes()[:40])
    for _ in range(2):
        with pytest.raises(DataError, match=r"dogs/2\.png cannot be read as a picture"):
            _load(tree)
    assert not list(Path(os.environ["MIXUP_MULTI_CACHE"]).rglob("*.tmp"))


def test_the_centre_is_cut_out_after_the_shorter_side_is_resized(tmp_path: Path) -> None:
    pixels = np.zeros((4, 12, 3), np.uint8)
    pixels[:, 4:8] = 250  # the middle third is bright
    path = tmp_path / "wide.png"
    Image.fromarray(pixels).save(path)
    assert set(read_picture(path, 4)) == {250}
    grown = np.frombuffer(read_picture(path, 8), np.uint8).reshape(3, 8, 8)
    assert grown[:, :, 2:6].min() == 250


def test_grey_pictures_become_rgb_and_memory_is_not_shared(tmp_path: Path, write_picture) -> None:
    write_picture(tmp_path / "grey.png", 77, (8, 8))
    first = decode([tmp_path / "grey.png"], 8)
    assert first.pixels.shape == (1, 3, 8, 8)
    assert bool((first.pixels == 77).all())
    first.pixels.zero_()  # a private mapping: the cache keeps its bytes
    assert bool((decode([tmp_path / "grey.png"], 8).pixels == 77).all())


def test_folders_of_another_form_are_refused(tree: Path) -> None:
    with pytest.raises(DataError, match="is not a folder"):
        _load(tree / "missing")
    (tree / "test" / "birds").mkdir()
    with pytest.raises(DataError, match="the class 'birds', which train has not"):
        _load(tree)
    (tree / "test" / "birds").rmdir()
    (tree / "train" / "birds").mkdir()
    with pytest.raises(DataError, match="no training row of class birds"):
        _load(tree)
    with pytest.raises(SettingError, match="size: 0"):
        FOLDER.load(tree, Trial(), path=".", size=0)


@pytest.fixture
def tiny(tmp_path: Path, write_picture) -> Path:
    """Return a data root with three classes of Tiny-ImageNet's layout."""
    base = tmp_path / "tiny-imagenet-200"
    names = ("n03", "n01", "n02")  # as in the archive, not sorted
    lines = []
    for level, name in enumerate(names):
        for i in range(4):
            path = base / "train" / name / "images" / f"{name}_{i}.JPEG"
            write_picture(path, level * 100 if i == 0 else (level * 100, 0, 0))
        write_picture(base / "val" / "images" / f"val_{level}.JPEG", (0, level * 100, 0))
        lines.append(f"val_{level}.JPEG\t{name}\t0\t0\t62\t62\n")
    (base / "wnids.txt").write_text("\n".join(names))
    (base / "val" / "val_annotations.txt").write_text("".join(reversed(lines)))
    return tmp_path


def test_tiny_imagenet_is_read_in_the_order_of_its_lists(tiny: Path) -> None:
    data = TINY.load(tiny, Trial(), partial=True)
    assert data.classes == ("n03", "n01", "n02")
    assert data.train.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    assert data.test.labels.tolist() == [2, 1, 0]
    assert data.name == "tiny_imagenet (partial)"
    inputs = data.test.gather(torch.tensor([0])).inputs
    assert inputs.shape == (1, 3, 64, 64)
    green = (inputs[0, 1] + 1) * 127.5
    assert torch.allclose(green, torch.tensor(200.0), atol=3)  # JPEG is lossy
    grey = (data.train.gather(torch.tensor([4])).inputs[0] + 1) * 127.5
    assert torch.allclose(grey, torch.tensor(100.0), atol=3)


def test_tiny_imagenet_refuses_fewer_images_before_it_decodes(
    tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixup_multi_adapters.images.tiny_imagenet.decode", None)
    with pytest.raises(DataError, match="12 of 100,000 training and 3 of 10,000 test images"):
        TINY.load(tiny, Trial())


def test_tiny_imagenet_names_a_line_that_fits_no_file_or_class(tiny: Path) -> None:
    table = tiny / "tiny-imagenet-200" / "val" / "val_annotations.txt"
    table.write_text(table.read_text().replace("n01", "n99"))
    with pytest.raises(DataError, match="line 2"):
        TINY.load(tiny, Trial(), partial=True)
