"""Where prepared data is kept, and the key that names its content.

The data root may be read-only and shared, so nothing is ever written there but by `data fetch`:
what a loader derives goes to the cache, under a key of what it was derived from.
"""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from torch import Tensor

from mixup_multi.errors import OutputError, WriteError
from mixup_multi.folders import cache_root

__all__ = ["cache_folder", "content_key", "not_written", "write_atomically"]


def cache_folder(*parts: str) -> Path:
    """Return (and make) a folder of the cache: `MIXUP_MULTI_CACHE`, else `~/.cache/mixup-multi`.

    Raises:
        OutputError: it cannot be made.
    """
    folder = cache_root().joinpath(*parts)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the cache folder {folder} cannot be made ({error.strerror});"
            " set MIXUP_MULTI_CACHE to a folder that can be written"
        ) from error
    return folder


def content_key(*parts: str | bytes | Path | np.ndarray | Tensor) -> str:
    """Return 32 hexadecimal digits that name the content of text, files and arrays, in order."""
    digest = hashlib.sha256()
    for part in parts:
        if isinstance(part, Path):
            with part.open("rb") as file:
                piece = hashlib.file_digest(file, "sha256").digest()
        elif isinstance(part, str | bytes):
            piece = part.encode() if isinstance(part, str) else part
        else:
            array = np.ascontiguousarray(part.numpy() if isinstance(part, Tensor) else part)
            piece = f"{array.dtype}{array.shape}".encode() + array.tobytes()
        digest.update(len(piece).to_bytes(8, "big") + piece)
    return digest.hexdigest()[:32]


def write_atomically(path: Path, write: Callable[[Path], object], *, durable: bool = True) -> None:
    """Let `write` fill a temporary file beside `path`, then rename it into place.

    A reader sees the whole old file or the whole new one. Where `durable`, both the content and
    the name are on the disk when this returns, so that a power cut cannot take them back; that
    costs some milliseconds.

    Raises:
        WriteError: the file cannot be written (read-only folder, full disk).
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        write(temporary)
        if durable:
            _sync(temporary)
        temporary.replace(path)
        if durable:
            _sync(path.parent)
    except OSError as error:
        raise not_written(path, error) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def not_written(path: Path, error: OSError) -> WriteError:
    """Return the error for a file that cannot be written, with the ways out."""
    return WriteError(
        f"{path} cannot be written ({error.strerror or error}); choose another folder"
        " (--out, or MIXUP_MULTI_CACHE for prepared data) or free some space"
    )


def _sync(path: Path) -> None:
    """Wait until a file, or a folder's list of names, is on the disk."""
    if os.name == "nt" and path.is_dir():
        return  # Windows opens no folders
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # file systems that do not sync folders say so
            raise
    finally:
        os.close(descriptor)
