"""CIFAR-10 and CIFAR-100 from their python releases, without running what a pickle may hold.

torchvision names the files and their checksums; the reading is our own, since a pickle whose
checksum is not the published one (a shortened release) may execute code when loaded plainly.
"""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mixup_multi.errors import DataError
from mixup_multi_adapters.images.files import check_files
from mixup_multi_adapters.images.profiles import Profile
from mixup_multi_adapters.images.release import Part, Release, make_part

_LABELS = ("labels", "fine_labels")
_PIXELS = 3 * 32 * 32


class ArrayUnpickler(pickle.Unpickler):
    """Reads containers, text, numbers and numpy arrays; refuses every other class or function."""

    # Releases of 2009 and newer copies name the same function by different modules.
    _allowed = frozenset(
        {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }
    )

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed global.

        Raises:
            pickle.UnpicklingError: it is not one of those that an array needs.
        """
        if (module, name) not in self._allowed:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no image set needs")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def read_pickle(path: Path) -> dict[str, Any]:
    """Return the mapping in a batch file.

    Raises:
        DataError: the file is cut short, is no pickle of arrays, or holds no mapping.
    """
    try:
        with path.open("rb") as file:
            content = ArrayUnpickler(file, encoding="latin1").load()
    except Exception as error:  # a damaged pickle may raise nearly anything
        raise DataError(
            f"{path} cannot be read as a batch of images ({error}); expected a pickle of arrays"
            " and lists as in the python release of CIFAR. Fetch the file again."
        ) from error
    if not isinstance(content, dict):
        raise DataError(f"{path} holds a {type(content).__name__}; expected a mapping")
    return content


def read_cifar10(profile: Profile, folder: Path, partial: bool) -> Release:
    """Read `folder/cifar-10-batches-py`.

    Raises:
        DataError: files are missing, corrupt, or not the published ones without `partial`.
    """
    from torchvision.datasets import CIFAR10

    return _read(CIFAR10, profile, folder, partial)


def read_cifar100(profile: Profile, folder: Path, partial: bool) -> Release:
    """Read `folder/cifar-100-python`, with the 100 fine labels.

    Raises:
        DataError: files are missing, corrupt, or not the published ones without `partial`.
    """
    from torchvision.datasets import CIFAR100

    return _read(CIFAR100, profile, folder, partial)


def _read(kind: Any, profile: Profile, folder: Path, partial: bool) -> Release:
    """Read a release laid out as torchvision's class `kind` says."""
    base = folder / kind.base_folder
    published = dict([*kind.train_list, *kind.test_list, (kind.meta["filename"], kind.meta["md5"])])
    check_files(profile, base, published, partial)
    meta = base / kind.meta["filename"]
    names = read_pickle(meta).get(kind.meta["key"])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{meta} has no list of names under {kind.meta['key']!r}")
    return Release(
        train=_part(base, "train", [name for name, _ in kind.train_list], names),
        test=_part(base, "test", [name for name, _ in kind.test_list], names),
        classes=tuple(names),
    )


def _part(base: Path, prefix: str, files: list[str], classes: list[str]) -> Part:
    batches = [_batch(base / file) for file in files]
    pixels = torch.from_numpy(np.concatenate([pixels for pixels, _ in batches]))
    labels = torch.tensor([label for _, labels in batches for label in labels])
    return make_part(f"{base} ({prefix})", prefix, pixels, labels, classes)


def _batch(path: Path) -> tuple[np.ndarray, list[int]]:
    """Return the pixels `(n, 3, 32, 32)` and the labels of one batch file."""
    content = read_pickle(path)
    pixels = content.get("data")
    labels = next((content[key] for key in _LABELS if key in content), None)
    if (
        isinstance(pixels, np.ndarray)
        and pixels.dtype == np.uint8
        and pixels.shape[1:] == (_PIXELS,)
        and isinstance(labels, list)
        and len(labels) == len(pixels)
        and all(isinstance(label, int) for label in labels)
    ):
        return pixels.reshape(-1, 3, 32, 32), labels
    raise DataError(
        f"{path} is no batch of CIFAR; expected `data`, uint8 of shape (n, {_PIXELS}),"
        " and as many labels"
    )
