"""Completion after an `=` in bash, which takes it for the end of a word.

Of `--set train.precision=bf` bash hands over the words `train.precision`, `=` and `bf`, and
replaces the last one. So the words are joined before they are read, and what is answered is cut.
"""

from __future__ import annotations

import io
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout

VARIABLE = "_MIXUP_MULTI_COMPLETE"


def complete(command: Callable[[], int]) -> int:
    """Run a command that may have been called by bash, for completion."""
    if os.environ.get(VARIABLE) != "complete_bash":
        return command()
    words, at = _words(), int(os.environ["COMP_CWORD"])
    joined, now, cut = join(words, at)
    os.environ.update(COMP_WORDS=shlex.join(joined), COMP_CWORD=str(now))
    answer = io.StringIO()
    try:
        with redirect_stdout(answer):
            return command()
    finally:
        lines = answer.getvalue().splitlines()
        sys.stdout.write("".join(line.removeprefix(cut) + "\n" for line in lines if line))


def join(words: Sequence[str], at: int) -> tuple[list[str], int, str]:
    """Return words joined at each `=`, which of them is typed, and what bash keeps of it.

    >>> join(["mixup-multi", "run", "--set", "train.precision", "=", "bf"], 5)
    (['mixup-multi', 'run', '--set', 'train.precision=bf'], 3, 'train.precision=')
    """
    joined: list[str] = []
    now, glue = 0, False
    for number, word in enumerate([*words, ""] if at >= len(words) else words):
        if joined and (word == "=" or glue):
            joined[-1] += word
        else:
            joined.append(word)
        glue = word == "="
        if number == at:
            now = len(joined) - 1
            break
    cut, equals, _ = joined[now].rpartition("=")
    split = equals and not {"="}.isdisjoint(words)
    return joined, now, cut + equals if split else ""


def _words() -> list[str]:
    """Return the words as bash joined them; what has an open quote is cut at spaces."""
    text = os.environ["COMP_WORDS"]
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()
