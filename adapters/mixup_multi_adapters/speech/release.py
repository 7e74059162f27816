"""A release of Speech Commands as it lies on disk: its recordings and its official split.

`WORD/SPEAKER_nohash_N.wav`, `validation_list.txt`, `testing_list.txt`; what no list names is for
training. The lists keep each speaker in one part.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mixup_multi.errors import DataError

PARTS = ("train", "validation", "test")
LISTS = {"validation": "validation_list.txt", "test": "testing_list.txt"}


@dataclass(frozen=True, slots=True)
class Clip:
    """One second that is to be read, and what it is an example of.

    Attributes:
        id: `WORD/SPEAKER_nohash_N.wav`, as in the official lists.
        path: the file; a string, since making 100,000 `Path`s takes a second.
        stamp: the file's size and time of change: a new stamp means new content.
        label: the class's name.
        start: the first sample.
        gain: what the samples are multiplied by.
    """

    id: str
    path: str
    stamp: str
    label: str
    start: int = 0
    gain: float = 1.0


def recordings(folder: Path, words: Sequence[str]) -> dict[str, list[Clip]]:
    """Return each word's recordings in the order of their names; absent words are left out."""
    found = {}
    for word in words:
        if (folder / word).is_dir():
            with os.scandir(folder / word) as entries:
                clips = [_clip(word, e) for e in entries if _is_recording(e.name)]
            if clips:
                found[word] = sorted(clips, key=lambda clip: clip.id)
    return found


def _is_recording(name: str) -> bool:
    return name.endswith(".wav") and "_nohash_" in name  # the rule of torchaudio's SPEECHCOMMANDS


def _clip(word: str, entry: os.DirEntry[str]) -> Clip:
    return Clip(f"{word}/{entry.name}", entry.path, stamp(entry.stat()), word)


def stamp(status: os.stat_result) -> str:
    """Return what tells a file from an earlier one of its name."""
    return f"{status.st_size}:{status.st_mtime_ns}"


@dataclass(frozen=True)
class Split:
    """The official lists: what is for validation and for testing; the rest is for training."""

    validation: frozenset[str]
    test: frozenset[str]

    def part_of(self, clip: Clip) -> str:
        """Return the part a recording belongs to."""
        if clip.id in self.validation:
            return "validation"
        return "test" if clip.id in self.test else "train"


def read_split(name: str, folder: Path) -> Split:
    """Read the two lists of the release.

    Raises:
        DataError: a list is absent or unreadable, or a recording is in both.
    """
    split = Split(**{part: _read_list(name, folder / file) for part, file in LISTS.items()})
    both = sorted(split.validation & split.test)
    if both:
        raise DataError(
            f"{name}: {both[0]} and {len(both) - 1} more are named by both lists of {folder};"
            " expected each recording in one part. Restore the lists of the release."
        )
    return split


def _read_list(name: str, path: Path) -> frozenset[str]:
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{name}: the official list {path} cannot be read ({error}); expected one"
            " WORD/FILE.wav a line. It comes with the release; copy it there, or fetch"
            f" the release again: mixup-multi data fetch {name}"
        ) from error
    return frozenset(line.strip() for line in lines if line.strip())
