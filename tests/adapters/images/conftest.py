"""Small data sets written in the published layouts; random pixels, for the readers only."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

WriteBatch = Callable[[Path, int], None]
WriteIdx = Callable[[Path, np.ndarray], None]
WritePicture = Callable[..., None]


@pytest.fixture(autouse=True, scope="package")
def _one_thread() -> Iterator[None]:
    """Tiny networks spend their time waiting for threads where cores are shared."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def write_batch() -> WriteBatch:
    """Write `n` random images as a batch file of CIFAR-10, in the python release's form."""

    def write(path: Path, n: int) -> None:
        random = np.random.default_rng(n)
        batch = {
            "data": random.integers(0, 256, (n, 3072), dtype=np.uint8),
            "labels": [row % 10 for row in range(n)],
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pickle.dumps(batch, protocol=3))

    return write


@pytest.fixture
def write_cifar10(tmp_path: Path, write_batch: WriteBatch) -> Path:
    """Return a data root with 20 images in each of CIFAR-10's six batches."""
    base = tmp_path / "cifar-10-batches-py"
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        write_batch(base / name, 20)
    names = [f"class {i}" for i in range(10)]
    (base / "batches.meta").write_bytes(pickle.dumps({"label_names": names}, protocol=2))
    return tmp_path


@pytest.fixture
def write_idx() -> WriteIdx:
    """Write an array of bytes as an idx file."""

    def write(path: Path, array: np.ndarray) -> None:
        head = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(head + array.astype(np.uint8).tobytes())

    return write


@pytest.fixture
def write_picture() -> WritePicture:
    """Write a picture of one colour, or of given pixels."""

    def write(path: Path, colour: object = (0, 0, 0), size: tuple[int, int] = (64, 64)) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = "L" if isinstance(colour, int) else "RGB"
        Image.new(mode, size, colour).save(path)  # type: ignore[arg-type]

    return write
