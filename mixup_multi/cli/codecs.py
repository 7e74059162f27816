"""What `plan` and `show` say of the codecs that methods mix by."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

from mixup_multi import door
from mixup_multi.grid.codecs.keep import fitted_codecs
from mixup_multi.recipe.cell import Cell


def codec_lines(cells: Sequence[Cell], out: Path | None = None) -> list[str]:
    """Return a line for each codec that is fitted before cells train; no data is loaded.

    Args:
        cells: planned ones.
        out: their output folder, to count what is fitted there.
    """
    methods = {cell.method.canonical: cell.method.settings for cell in cells}
    entries = {json.dumps(entry): entry for one in methods.values() for entry in _codecs(one)}
    lines = []
    for entry in entries.values():
        maker = door.load_maker(door.CODECS, entry["name"])
        if not (is_dataclass(maker) and hasattr(maker, "restore")):
            continue  # a stranger's, which may be large, is not made to look at it
        codec = door.make(door.CODECS, entry)
        so_far = "" if out is None else f"; {fitted_codecs(out, codec)} fitted in {out / 'codecs'}"
        settings = " ".join(f"{key}={value}" for key, value in entry.items() if key != "name")
        lines.append(
            f"codec {entry['name']}: fitted once to each data set, or split of it, before its"
            f" first cell trains{so_far} ({settings})"
        )
    return lines


def _codecs(settings: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the entries of codecs in a method's settings, however deep."""
    for key, value in settings.items():
        if isinstance(value, Mapping):
            if key == "codec":
                yield value
            else:
                yield from _codecs(value)
