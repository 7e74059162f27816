"""Tiny-ImageNet-C from its published folders (Hendrycks & Dietterich 2019).

Folders type/severity/class of JPEGs, which are decoded whenever they are asked for: all of them
would take 9 GB of cache.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import torch
from torch import Tensor

from mixup_multi.engine.shift import SEVERITIES, Shift
from mixup_multi.engine.shifted import Shifted
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi_adapters.images.corruptions.archive import Archive, prepared
from mixup_multi_adapters.images.pictures import pictures_in, read_picture


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
    return prepared(origin, stored.reshape(-1, *shape).to(device))
