"""Sizes in words: of downloads, as data sets tell them, and of folders."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12}


def bytes_of(text: str) -> float | None:
    """Return the bytes of a size in words; of a range its end, None where there is no number.

    >>> bytes_of("2.3 GB"), bytes_of("0.1 MB to 1 GB"), bytes_of("depends on the table")
    (2300000000.0, 1000000000.0, None)
    """
    found = re.findall(r"([\d.]+) ?([kMGT]B)", text)
    return max((float(number) * UNITS[unit] for number, unit in found), default=None)


def in_words(size: float) -> str:
    """Return bytes in the unit in which they are from 1 to 1000.

    >>> in_words(2.34e9), in_words(120)
    ('2.3 GB', '0.1 kB')
    """
    fitting = (unit for unit, scale in UNITS.items() if size < 1000 * scale)
    unit = next(fitting, "TB")
    number = size / UNITS[unit]
    return f"{number:.1f} {unit}" if number < 10 else f"{number:.0f} {unit}"


def total(sizes: Sequence[str]) -> str:
    """Return what downloads come to: `3.1 GB at most for 5, and 2 of unknown size`."""
    known = [size for text in sizes if (size := bytes_of(text)) is not None]
    said = [f"{in_words(sum(known))} for {len(known)}"] if known else []
    if unknown := len(sizes) - len(known):
        said.append(f"{unknown} of unknown size")
    return ", and ".join(said) or "nothing"


def to_download(found: Sequence[Mapping[str, str]]) -> list[str]:
    """Return the sizes of what is not there; of several names of one folder, once."""
    lacking = [place for place in found if place["there"] == "no"]
    return list({place["where"]: place["download"] for place in lacking}.values())


def folder_size(folder: Path) -> tuple[int, int]:
    """Return how many bytes the files below a folder have, and how many files there are."""
    size = files = 0
    for place, _, names in os.walk(folder):
        for name in names:
            try:
                size += os.lstat(Path(place, name)).st_size
            except OSError:  # it has just gone
                continue
            files += 1
    return size, files
