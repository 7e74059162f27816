"""CIFAR-10-C and CIFAR-100-C from their published arrays (Hendrycks & Dietterich 2019).

One `.npy` a type, 50,000 x 32 x 32 x 3 uint8: the 10,000 test images in their order at severity 1,
then at 2, ...; and `labels.npy`. They are memory-mapped: a sweep reads each page once.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mixup_multi.engine.shift import SEVERITIES, Shift
from mixup_multi.engine.shifted import Shifted
from mixup_multi.engine.source import Source, TensorSource
from mixup_multi_adapters.images.corruptions.archive import Archive, prepared

ROWS = 10_000
"""The images of the published test part."""


@dataclass(frozen=True)
class ArrayCorruption(Shift):
    """One type of CIFAR-10-C or CIFAR-100-C."""

    archive: Archive
    name: str
    standard: bool = True

    def check(self, source: Source) -> None:
        """Raise where the files are not there, or not as published, or of other labels."""
        rows = self.archive.rows(source)
        self._opened(f"{self.name}.npy", (len(SEVERITIES) * ROWS, 32, 32, 3))
        labels = self._opened("labels.npy", (len(SEVERITIES) * ROWS,))
        if rows.max(initial=0) >= ROWS or not np.array_equal(
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
        pixels = self._opened(f"{self.name}.npy", (len(SEVERITIES) * ROWS, 32, 32, 3))
        rows = self.archive.rows(source) + (severity - 1) * ROWS
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
    return prepared(origin, stored)
