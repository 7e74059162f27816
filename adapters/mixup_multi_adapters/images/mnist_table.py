"""MNIST as OpenML has it: one table of 70,000 rows (id 554), the last 10,000 of them for tests."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from mixup_multi.errors import DataError
from mixup_multi_adapters.images.release import Part, Release, make_part

TABLE = Path("openml/org/openml/www/datasets/554/dataset_554.pq")
"""Where the openml library keeps it, below the data root."""
SIDE = 28
TRAIN = 60_000


def read_mnist_table(path: Path, classes: tuple[str, ...]) -> Release:
    """Read the parquet file: 784 columns of pixels and one called `class`, in the order of MNIST.

    Raises:
        DataError: it cannot be read, or is not that table.
    """
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); fetch it again") from error
    pixels = [name for name in table.column_names if name != "class"]
    if len(pixels) != SIDE * SIDE or "class" not in table.column_names:
        raise DataError(
            f"{path} has {len(table.column_names)} columns: expected MNIST's {SIDE * SIDE} pixels"
            " and a column 'class'"
        )
    images = np.stack([table[name].to_numpy().astype(np.uint8) for name in pixels], axis=1)
    labels = np.array(table["class"].to_pandas().astype(int))
    stored = torch.from_numpy(images).view(-1, 1, SIDE, SIDE)

    def part(prefix: str, rows: slice) -> Part:
        return make_part(f"{path}", prefix, stored[rows], torch.from_numpy(labels[rows]), classes)

    train, test = part("train", slice(TRAIN)), part("test", slice(TRAIN, None))
    return Release(train=train, test=test, classes=classes)
