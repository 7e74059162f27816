"""The words of Speech Commands and the tasks that are made of them (Warden 2018, sections 5-7)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Literal, TypeAlias

from mixup_multi.errors import DataError, SettingError

Words: TypeAlias = Literal["all", "thirty", "ten", "eleven", "twelve"]

TEN = ("yes", "no", "up", "down", "left", "right", "on", "off", "stop", "go")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
AUXILIARY = ("bed", "bird", "cat", "dog", "happy", "house", "marvin", "sheila", "tree", "wow")
ADDED_IN_V2 = ("backward", "follow", "forward", "learn", "visual")
V1 = tuple(sorted(TEN + DIGITS + AUXILIARY))
V2 = tuple(sorted(V1 + ADDED_IN_V2))

UNKNOWN = "_unknown_"
SILENCE = "_silence_"

_MEANING: dict[Words, str] = {
    "all": "all words",
    "thirty": "the 30 words of v0.01",
    "ten": "the ten commands",
    "eleven": f"the ten commands and {UNKNOWN}",
    "twelve": f"the ten commands, {UNKNOWN} and {SILENCE}",
}


def classes_of(words: Words, release: tuple[str, ...]) -> tuple[str, ...]:
    """Return the classes' names of a task, in the order of the targets' columns.

    Args:
        words: `all` words of the release, the `thirty` of v0.01, the `ten` commands, `eleven`
            (ten and unknown) or `twelve` (ten, unknown and silence).
        release: the words of the release.
    """
    named = {
        "all": release,
        "thirty": V1,
        "ten": TEN,
        "eleven": (*TEN, UNKNOWN),
        "twelve": (*TEN, UNKNOWN, SILENCE),
    }
    return named[words]


def check_words_present(
    name: str, words: Words, release: tuple[str, ...], present: Collection[str], folder: Path
) -> None:
    """Raise `DataError` where a word of the task has no recording, and offer tasks that work."""
    absent = _absent(words, release, present)
    if not absent:
        return
    possible: tuple[Words, ...] = ("thirty", "ten", "eleven")
    offers = [w for w in possible if not _absent(w, release, present)]
    ways = [f"words: {w} ({_MEANING[w]})" for w in offers] + ["the complete release"]
    raise DataError(
        f"{name}: no recordings of {', '.join(absent)} in {folder}; words: {words}"
        f" ({_MEANING[words]}) needs them. Choose {', or '.join(ways)}."
    )


def _absent(words: Words, release: tuple[str, ...], present: Collection[str]) -> list[str]:
    absent = [w for w in classes_of(words, release) if w in release and w not in present]
    no_other = UNKNOWN in classes_of(words, release) and not set(present) - set(TEN)
    return [*absent, f"any other word (for {UNKNOWN})"] if no_other else absent


def check_share(others: float) -> None:
    """Raise `SettingError` where the share of unknown and silent clips is not positive."""
    if not 0 < others <= 10:
        raise SettingError(f"others: {others}; expected a number above 0 and at most 10")
