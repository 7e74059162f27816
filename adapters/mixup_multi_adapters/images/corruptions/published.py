"""The published files: CIFAR-10-C, CIFAR-100-C and Tiny-ImageNet-C (Hendrycks & Dietterich 2019).

CIFAR: one `.npy` a type, 50,000 x 32 x 32 x 3 uint8, the 10,000 test images in their order at
severity 1, then at 2, ...; and `labels.npy`. They are memory-mapped: a sweep reads each page once.
Tiny-ImageNet: folders type/severity/class of JPEGs, which are decoded whenever they are asked for
(all of them would take 9 GB of cache).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixup_multi.engine.shift import SEVERITIES, Shift, Shifted
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.images.corruptions.made import EXTRA, STANDARD
from mixup_multi_adapters.images.pictures import pictures_in, read_picture

_RECORD = "https://zenodo.org/record/{}"
_ROWS = 10_000


@dataclass(frozen=True)
class Archive:
    """Where published corrupted images lie, and where they can be had from.

    Attributes:
        title: as its authors call it; also the folder below the data root.
        root: the data root.
        record: its number at Zenodo.
        size: of the download.
    """

    title: str
    root: Path
    record: int
    size: str

    @property
    def folder(self) -> Path:
        """The folder that its archive unpacks to."""
        return self.root / self.title

    def wrong(self, what: str) -> DataError:
        """Return the error for files that are missing or not as published."""
        return DataError(
            f"{self.title}: {what}. The files ({self.size}) are at {_RECORD.format(self.record)};"
            f" unpack them to {self.folder.absolute()}. Or set `made: here`, which makes such"
            " corruptions on the fly (not the published images)."
        )

    def rows(self, source: Source) -> NDArray[np.int64]:
        """Return the rows of the published test part that the examples of a part are.

        Raises:
            SettingError: they are of another part.
        """
        found = [re.fullmatch(r"test/(\d+)", id) for id in source.ids]
        if not all(found):
            raise SettingError(
                f"{self.title} has the test images only: expected part: test, or `made: here`"
            )
        return np.array([int(match[1]) for match in found if match])


@dataclass(frozen=True)
class ArrayCorruption(Shift):
    """One type of CIFAR-10-C or CIFAR-100-C."""

    archive: Archive
    name: str
    standard: bool = True

    def check(self, source: Source) -> None:
        """Raise where the files are not there, or not as published, or of other labels."""
        rows = self.archive.rows(source)
        self._opened(f"{self.name}.npy", (len(SEVERITIES) * _ROWS, 32, 32, 3))
        labels = self._opened("labels.npy", (len(SEVERITIES) * _ROWS,))
        if rows.max(initial=0) >= _ROWS or not np.array_equal(
            np.asarray(labels[rows]), source.labels.numpy()
        ):
            raise self.archive.wrong(
                f"{self.archive.folder / 'labels.npy'} has other labels than the test part:"
                " expected those of the same data set"
            )

    def of(self, source: Source, severity: int, seed: int) -> Source:  # noqa: ARG002
        """Return the published images; nothing in them is drawn here."""
        if severity == 0:
            return source
        self.check(source)
        pixels = self._opened(f"{self.name}.npy", (len(SEVERITIES) * _ROWS, 32, 32, 3))
        rows = self.archive.rows(source) + (severity - 1) * _ROWS
        origin = cast(TensorSource, source)
        return Shifted(origin, partial(_read_array, origin, pixels, rows))

    def _opened(self, file: str, shape: tuple[int, ...]) -> NDArray[Any]:
        path = self.archive.folder / file
        if not path.is_file():
            raise self.archive.wrong(f"{path.absolute()} is missing")
        try:
            array: NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError, EOFError) as error:
            raise self.archive.wrong(
                f"{path.absolute()} cannot be read as a .npy file ({error}); it is damaged"
            ) from error
        if (
            array.shape != shape
            or array.dtype.kind not in "iu"
            or (len(shape) > 1 and array.dtype != np.uint8)
        ):
            raise self.archive.wrong(
                f"{path.absolute()} holds {array.dtype} of shape {array.shape}; expected uint8 of"
                f" shape {shape}: five severities of 10,000"
            )
        return array


def _read_array(
    origin: TensorSource,
    pixels: NDArray[np.uint8],
    rows: NDArray[np.int64],
    index: Tensor,
    device: torch.device | str,
) -> Tensor:
    at = rows[index.cpu().numpy()]
    # Neighbouring rows are read as one piece, three times as fast as by a list of rows.
    run = len(at) > 0 and bool((np.diff(at) == 1).all())
    found = pixels[at[0] : at[-1] + 1] if run else pixels[at]
    stored = torch.from_numpy(np.ascontiguousarray(found.transpose(0, 3, 1, 2))).to(device)
    return _prepared(origin, stored)


@dataclass(frozen=True)
class FolderCorruption(Shift):
    """One type of Tiny-ImageNet-C.

    An image of the test part is answered by one of its class: that of the same number where the
    files keep the numbers of `val`, and in the order of their numbers in any case.
    """

    archive: Archive
    name: str
    classes: tuple[str, ...]
    standard: bool = True

    def check(self, source: Source) -> None:
        """Raise where a severity's folder is missing, or has too few or too many images."""
        self.archive.rows(source)
        for severity in SEVERITIES:
            folder = self.archive.folder / self.name / str(severity)
            if not folder.is_dir():
                raise self.archive.wrong(
                    f"{folder.absolute()} is missing; expected {self.name}/{severity}/CLASS/*.JPEG"
                )

    def of(self, source: Source, severity: int, seed: int) -> Source:  # noqa: ARG002
        """Return the published images; nothing in them is drawn here."""
        if severity == 0:
            return source
        self.check(source)
        origin = cast(TensorSource, source)
        files = self._files(origin, self.archive.folder / self.name / str(severity))
        return Shifted(origin, partial(_read_files, origin, files))

    def _files(self, source: TensorSource, folder: Path) -> list[Path]:
        files: list[Path] = [Path()] * len(source)
        for label, name in enumerate(self.classes):
            rows = (source.labels == label).nonzero().squeeze(1).tolist()
            found = pictures_in(folder / name) if (folder / name).is_dir() else []
            if len(found) != len(rows):
                raise self.archive.wrong(
                    f"{(folder / name).absolute()} holds {len(found)} images; expected"
                    f" {len(rows)}, as the test part has of that class"
                )
            for row, file in zip(rows, sorted(found, key=_number), strict=True):
                files[row] = file
        return files


def _number(file: Path) -> tuple[int, str]:
    numbers = re.findall(r"\d+", file.stem)
    return (int(numbers[-1]) if numbers else 0), file.name


def _read_files(
    origin: TensorSource, files: list[Path], index: Tensor, device: torch.device | str
) -> Tensor:
    shape = cast(Tensor, origin.inputs).shape[1:]
    with ThreadPoolExecutor() as pool:
        read = pool.map(partial(read_picture, size=shape[1]), (files[row] for row in index))
        stored = torch.frombuffer(bytearray(b"".join(read)), dtype=torch.uint8)
    return _prepared(origin, stored.reshape(-1, *shape).to(device))


def _prepared(origin: TensorSource, stored: Tensor) -> Tensor:
    ready: Tensor = stored if origin.prepare is None else origin.prepare(stored)
    return ready


def _archives(root: Path) -> Mapping[str, Archive]:
    return {
        "cifar10": Archive("CIFAR-10-C", root, 2535967, "2.9 GB"),
        "cifar100": Archive("CIFAR-100-C", root, 3555552, "2.9 GB"),
        "tiny_imagenet": Archive("Tiny-ImageNet-C", root, 2536630, "2.9 GB"),
    }


def published_corruptions(
    data_set: str, root: Path, classes: tuple[str, ...]
) -> Mapping[str, Shift]:
    """Return the published corruptions of a data set, whether or not their files are there.

    Args:
        data_set: its name in recipes.
        root: the data root, below which `CIFAR-10-C` or its like lies.
        classes: the classes' names.
    """
    archive = _archives(root).get(data_set)
    if archive is None:
        return MappingProxyType({})
    found: dict[str, Shift] = {}
    for table, standard in ((STANDARD, True), (EXTRA, False)):
        for name in table:
            if data_set == "tiny_imagenet":
                found[name] = FolderCorruption(archive, name, classes, standard)
            else:
                found[name] = ArrayCorruption(archive, name, standard)
    return MappingProxyType(found)
