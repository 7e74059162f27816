"""Picture files, decoded once into one memory-mapped file of pixels in the cache."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from mixup_multi.engine.cache import cache_folder, content_key, write_atomically
from mixup_multi.errors import DataError

SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".webp"})
"""The endings, in lower case, of what is taken for a picture."""

_CHUNK = 1024  # pictures decoded before they are written, so that memory stays bounded


@dataclass(frozen=True)
class Decoded:
    """Pictures as pixels.

    Attributes:
        pixels: `(N, 3, size, size)` uint8, memory-mapped from the cache.
        key: names the pixels' content.
    """

    pixels: Tensor
    key: str


def pictures_in(folder: Path) -> list[Path]:
    """Return the pictures directly in `folder`, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)


def decode(files: Sequence[Path], size: int) -> Decoded:
    """Return `files` as pixels, from the cache where none has changed since.

    Each picture becomes RGB, is resized so that its shorter side is `size`, and its centre is
    cut out. A file counts as changed with its path, its length or its time of modification.

    Raises:
        DataError: a file is no picture, or is cut short.
        OutputError: the cache cannot be written.
    """
    shape = (len(files), 3, size, size)
    folder = cache_folder("images", _fingerprint(files, size))
    pixels, key = folder / "pixels.u8", folder / "key.txt"
    whole = pixels.is_file() and pixels.stat().st_size == math.prod(shape)
    if not (whole and key.is_file()):
        write_atomically(pixels, lambda path: _decode_into(path, files, size))
        write_atomically(key, lambda path: _write_text(path, content_key(pixels)))
    # A private mapping: pages are read when they are asked for, and the file is never changed.
    mapped = torch.from_file(
        str(pixels), shared=False, size=math.prod(shape), dtype=torch.uint8
    ).reshape(shape)
    return Decoded(mapped, key.read_text())


def _write_text(path: Path, text: str) -> None:
    path.write_text(text)


def _fingerprint(files: Sequence[Path], size: int) -> str:
    facts = ((file, file.stat()) for file in files)
    lines = (f"{file.resolve()}\0{stat.st_size}\0{stat.st_mtime_ns}" for file, stat in facts)
    return content_key(str(size), "\n".join(lines))


def _decode_into(path: Path, files: Sequence[Path], size: int) -> None:
    with path.open("wb") as out, ThreadPoolExecutor() as pool:
        for start in range(0, len(files), _CHUNK):
            chunk = files[start : start + _CHUNK]
            for pixels in pool.map(read_picture, chunk, [size] * len(chunk)):
                out.write(pixels)


def read_picture(path: Path, size: int) -> bytes:
    """Return one picture as `3 * size * size` bytes: channels, rows, columns.

    Raises:
        DataError: it is no picture, or is cut short.
    """
    import numpy as np
    from PIL import Image

    try:
        with Image.open(path) as picture:
            colours = picture.convert("RGB")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise DataError(
            f"{path} cannot be read as a picture ({error}); mend or remove the file"
        ) from error
    scale = size / min(colours.size)
    width, height = (max(size, round(side * scale)) for side in colours.size)
    if colours.size != (width, height):
        colours = colours.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size) // 2, (height - size) // 2
    cut = np.asarray(colours)[top : top + size, left : left + size]
    return cut.transpose(2, 0, 1).tobytes()
