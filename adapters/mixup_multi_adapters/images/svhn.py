"""SVHN from its MATLAB files, through torchvision; without the `extra` part."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from mixup_multi.errors import DataError
from mixup_multi_adapters.images.files import check_files
from mixup_multi_adapters.images.profiles import Profile
from mixup_multi_adapters.images.release import Part, Release, make_part

_DIGITS = tuple("0123456789")
_PARTS = ("train", "test")


def read_svhn(profile: Profile, folder: Path, partial: bool) -> Release:
    """Read `folder/train_32x32.mat` and `folder/test_32x32.mat`; the label 10 becomes 0.

    Raises:
        DataError: files are missing, corrupt, or not the published ones without `partial`.
    """
    from torchvision.datasets import SVHN

    class Checked(SVHN):  # type: ignore[misc]  # the files' checksums are looked at once, here
        def _check_integrity(self) -> bool:
            return True

    published = {file: md5 for _, file, md5 in (SVHN.split_list[part] for part in _PARTS)}
    check_files(profile, folder, published, partial)
    train, test = (_part(Checked, folder, part) for part in _PARTS)
    return Release(train=train, test=test, classes=_DIGITS)


def _part(kind: Any, folder: Path, part: str) -> Part:
    path = folder / kind.split_list[part][1]
    try:
        read = kind(folder, split=part)
    except Exception as error:  # a damaged MATLAB file may raise nearly anything
        raise DataError(
            f"{path} cannot be read ({error}); expected X (32, 32, 3, n) and y (n, 1) as in the"
            " published file. Fetch it again."
        ) from error
    pixels = torch.from_numpy(read.data.copy())
    return make_part(str(path), part, pixels, torch.from_numpy(read.labels), _DIGITS)


def download_svhn(root: Path) -> None:
    """Download both parts to `root/svhn`."""
    from torchvision.datasets import SVHN

    for part in _PARTS:
        SVHN(root / "svhn", split=part, download=True)
