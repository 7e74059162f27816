"""Files of tensors and plain values that know when they are damaged.

A file is what `torch.save` writes, followed by a seal: the SHA-256 of all bytes before it.
`torch.load(path, weights_only=True)` reads such a file as any other, but does not notice a
flipped byte; `load_sealed` does. Neither runs any code that a file might hold.
"""

from __future__ import annotations

import hashlib
import io
import logging
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from mixup_multi.engine.cache import write_atomically
from mixup_multi.errors import OutputError

MARK = b"sha256:"
SEAL_SIZE = len(MARK) + hashlib.sha256().digest_size

log = logging.getLogger("mixup_multi")


class DamagedError(OutputError):
    """A file whose content is not what was written."""


def save_sealed(content: Mapping[str, Any], path: Path, *, durable: bool = True) -> None:
    """Write tensors and plain values, whole or not at all.

    Where `durable`, they are on the disk when this returns (see `write_atomically`).

    Raises:
        OutputError: the file cannot be written.
    """
    buffer = io.BytesIO()
    torch.save(dict(content), buffer)
    data = buffer.getbuffer()
    seal = MARK + hashlib.sha256(data).digest()

    def write(file: Path) -> None:
        with file.open("wb") as stream:
            stream.write(data)
            stream.write(seal)

    write_atomically(path, write, durable=durable)


def load_sealed(path: Path, device: torch.device | str = "cpu") -> dict[str, Any]:
    """Read what `save_sealed` wrote.

    Raises:
        DamagedError: the file is cut short or changed.
    """
    data = path.read_bytes()
    body, seal = memoryview(data)[:-SEAL_SIZE], data[-SEAL_SIZE:]
    if seal != MARK + hashlib.sha256(body).digest():
        raise DamagedError(
            f"{path} is damaged: its checksum does not fit its content. Move it away to begin anew"
        )
    content: dict[str, Any] = torch.load(io.BytesIO(body), map_location=device, weights_only=True)
    return content


def is_whole(path: Path) -> bool:
    """Return whether a file is there and its seal fits, without loading what it holds."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return False
    return data[-SEAL_SIZE:] == MARK + hashlib.sha256(memoryview(data)[:-SEAL_SIZE]).digest()


def seal_of(path: Path) -> str:
    """Return a file's seal, which names its content, without reading the rest; "" without one."""
    if not path.exists():
        return ""
    with path.open("rb") as file:
        file.seek(-min(SEAL_SIZE, path.stat().st_size), os.SEEK_END)
        seal = file.read()
    return seal.removeprefix(MARK).hex() if seal.startswith(MARK) else ""


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is neither used nor lost, and say so in the log."""
    number = 1
    while (kept := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    path.rename(kept)
    log.warning("%s is damaged; it is kept as %s and not used", path, kept.name)
    return kept
