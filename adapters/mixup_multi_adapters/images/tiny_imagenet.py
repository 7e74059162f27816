"""Tiny-ImageNet from the folders of its official archive; its `val` part is the test part."""

from __future__ import annotations

from pathlib import Path

import torch

from mixup_multi.errors import DataError
from mixup_multi_adapters.images.files import check_files
from mixup_multi_adapters.images.pictures import decode, pictures_in
from mixup_multi_adapters.images.profiles import Profile
from mixup_multi_adapters.images.release import Part, Release, absent_images, make_part

FOLDER = "tiny-imagenet-200"
_URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"  # of 248,100,043 bytes, as other readers check it
_SIZE = 64


def read_tiny_imagenet(profile: Profile, folder: Path, partial: bool) -> Release:
    """Read `folder/tiny-imagenet-200/{wnids.txt, train/WNID/images, val}`.

    The labels follow the order of `wnids.txt`. There are no checksums of the single files, so
    the number of images is held against the published one.

    Raises:
        DataError: files are missing or damaged, or a validation image is of no known class.
    """
    base = folder / FOLDER
    check_files(profile, base, {"wnids.txt": None, "val/val_annotations.txt": None}, partial)
    classes = tuple((base / "wnids.txt").read_text().split())
    train, test = _train_files(base, classes), _test_files(base, classes)
    absent_images(profile, len(train), len(test), partial)  # before minutes of decoding
    return Release(
        train=_part(base, "train", train, classes),
        test=_part(base, "test", test, classes),
        classes=classes,
    )


def download_tiny_imagenet(root: Path) -> None:
    """Download and unpack the archive below the data root."""
    from torchvision.datasets.utils import download_and_extract_archive

    download_and_extract_archive(_URL, str(root), md5=_MD5)


def _part(
    base: Path, prefix: str, labelled: list[tuple[Path, int]], classes: tuple[str, ...]
) -> Part:
    labels = torch.tensor([label for _, label in labelled], dtype=torch.int64)
    decoded = decode([file for file, _ in labelled], _SIZE)
    return make_part(f"{base} ({prefix})", prefix, decoded.pixels, labels, classes, decoded.key)


def _train_files(base: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    found: list[tuple[Path, int]] = []
    for label, name in enumerate(classes):
        folder = base / "train" / name / "images"
        if not folder.is_dir():
            raise DataError(f"{folder} is missing; expected the images of class {name}")
        found.extend((file, label) for file in pictures_in(folder))
    return found


def _test_files(base: Path, classes: tuple[str, ...]) -> list[tuple[Path, int]]:
    labels = {name: label for label, name in enumerate(classes)}
    table = base / "val" / "val_annotations.txt"
    found: list[tuple[Path, int]] = []
    for number, line in enumerate(table.read_text().splitlines(), start=1):
        fields = line.split("\t")
        file = base / "val" / "images" / fields[0]
        if len(fields) < 2 or fields[1] not in labels or not file.is_file():
            raise DataError(
                f"{table}, line {number}: {line!r}; expected the name of a file in"
                f" {file.parent} and a class of wnids.txt, with a tab between"
            )
        found.append((file, labels[fields[1]]))
    return found
