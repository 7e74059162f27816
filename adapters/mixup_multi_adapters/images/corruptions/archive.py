"""Where published corrupted images lie below the data root, and what is said where they do not."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from mixup_multi.engine.source import Source, TensorSource
from mixup_multi.errors import DataError, SettingError

RECORD = "https://zenodo.org/record/{}"


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
            f"{self.title}: {what}. The files ({self.size}) are at {RECORD.format(self.record)};"
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


def prepared(origin: TensorSource, stored: Tensor) -> Tensor:
    """Return stored pixels as the model reads them."""
    ready: Tensor = stored if origin.prepare is None else origin.prepare(stored)
    return ready
