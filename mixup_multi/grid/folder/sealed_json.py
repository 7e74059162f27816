"""JSON files that know when they are damaged: the last key holds a checksum of all before it.

The checksum is of the bytes, so any change is noticed, also one of layout. Anybody can read such
a file as plain JSON.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mixup_multi.engine.cache import write_atomically
from mixup_multi.engine.sealed import DamagedError

SEAL = ',\n  "checksum": "sha256:{}"\n}}\n'  # the end of the file, behind the last other value
SEAL_SIZE = len(SEAL.format(hashlib.sha256().hexdigest()))


def write_json(path: Path, content: Mapping[str, Any], *, durable: bool = True) -> None:
    """Write `content`, which is not empty, with its checksum, whole or not at all.

    Raises:
        WriteError: the file cannot be written.
    """
    body = json.dumps(content, indent=2).removesuffix("\n}").encode()
    text = body + _seal(body)
    write_atomically(path, lambda file: file.write_bytes(text), durable=durable)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return what `write_json` wrote, without the checksum; None where there is no file.

    Raises:
        DamagedError: the file is cut short or changed.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    body, seal = text[:-SEAL_SIZE], text[-SEAL_SIZE:]
    if seal != _seal(body):
        raise DamagedError(
            f"{path} is damaged: its checksum does not fit its content. Move it away to begin anew"
        )
    content: dict[str, Any] = json.loads(body + b"}")
    return content


def _seal(body: bytes) -> bytes:
    return SEAL.format(hashlib.sha256(body).hexdigest()).encode()
