"""MNIST and Fashion-MNIST from their idx files, through torchvision; MNIST also from OpenML."""

from __future__ import annotations

import math
import struct
from pathlib import Path
from typing import Any

from mixup_multi.errors import DataError
from mixup_multi_adapters.images.files import check_files
from mixup_multi_adapters.images.mnist_table import TABLE, read_mnist_table
from mixup_multi_adapters.images.profiles import Profile
from mixup_multi_adapters.images.release import Part, Release, make_part

_DIGITS = tuple("0123456789")


def read_mnist(profile: Profile, folder: Path, partial: bool) -> Release:
    """Read `folder/MNIST/raw`, or where that is absent OpenML's table of the same images.

    Raises:
        DataError: files are missing or damaged.
    """
    from torchvision.datasets import MNIST

    if not (folder / "MNIST" / "raw").is_dir() and (folder / TABLE).is_file():
        return read_mnist_table(folder / TABLE, _DIGITS)
    return _read(MNIST, _DIGITS, profile, folder, partial)


def read_fashion_mnist(profile: Profile, folder: Path, partial: bool) -> Release:
    """Read `folder/FashionMNIST/raw`.

    Raises:
        DataError: files are missing or damaged.
    """
    from torchvision.datasets import FashionMNIST

    return _read(FashionMNIST, tuple(FashionMNIST.classes), profile, folder, partial)


def _read(
    kind: Any, classes: tuple[str, ...], profile: Profile, folder: Path, partial: bool
) -> Release:
    raw = folder / kind.__name__ / "raw"
    # Checksums are published for the packed files only, so a file's size is held against its
    # own header, and the number of images against the published one.
    names = [Path(name).stem for name, _ in kind.resources]
    check_files(profile, raw, dict.fromkeys(names), partial)
    for name in names:
        check_idx(raw / name)
    return Release(
        train=_part(kind, folder, raw, True, classes),
        test=_part(kind, folder, raw, False, classes),
        classes=classes,
    )


def _part(kind: Any, folder: Path, raw: Path, train: bool, classes: tuple[str, ...]) -> Part:
    prefix = "train" if train else "test"
    read = kind(folder, train=train)
    return make_part(f"{raw} ({prefix})", prefix, read.data[:, None], read.targets, classes)


def check_idx(path: Path) -> None:
    """Raise `DataError` where a file of bytes in idx format is not as long as its header says."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(4)
        zeros, kind, axes = struct.unpack(">HBB", head) if len(head) == 4 else (1, 0, 0)
        if zeros or kind != 8 or not axes:
            raise DataError(f"{path} is no idx file of bytes; fetch it again, unpacked")
        shape = file.read(4 * axes)
    expected = 4 + 4 * axes
    if len(shape) == 4 * axes:
        expected += math.prod(struct.unpack(f">{axes}I", shape))
    if size != expected:
        raise DataError(
            f"{path} has {size:,} bytes; its header promises {expected:,}. It is cut short or"
            " corrupt: remove it and fetch it again."
        )
