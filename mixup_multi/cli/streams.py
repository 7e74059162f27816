"""stdout and stderr as commands need them: for readers that know ASCII only, have gone or are full.

A reader is without Unicode with PYTHONIOENCODING=ascii, or in an old locale.
"""

from __future__ import annotations

import codecs
import io
import os
import sys
from typing import Any, TextIO

from mixup_multi.cli.exits import PipeClosed, StdoutError

HANDLER = "mixup_multi_plain"
INSTEAD = {
    "±": "+-",
    "…": "...",
    "—": "-",
    "\N{EN DASH}": "-",
    "\N{MINUS SIGN}": "-",
    "\N{MULTIPLICATION SIGN}": "x",
    "‖": "||",
    "\N{RIGHT SINGLE QUOTATION MARK}": "'",
    "“": '"',
    "”": '"',
}
"""What stands for characters that our texts use; any other becomes a question mark."""


def prepare() -> None:
    """Make stdout and stderr such that a command can write to them, or hears that it cannot."""
    sys.stdout = _real(sys.stdout) if sys.stdout is not None else _nothing()
    sys.stderr = sys.stderr if sys.stderr is not None else _nothing()
    for stream in (sys.stdout, sys.stderr):
        _forgive(stream)


def speaks_unicode(encoding: str | None) -> bool:
    """Return whether a stream of this encoding takes any character."""
    return (encoding or "").lower().replace("-", "").startswith("utf")


def plain(text: str) -> str:
    """Return text in ASCII.

    >>> plain("8.89 ± 6.94 …")
    '8.89 +- 6.94 ...'
    """
    return "".join(one if one.isascii() else INSTEAD.get(one, "?") for one in text)


def write_to_nobody() -> None:
    """Let what is still to be printed vanish, so that the interpreter fails on it no more."""
    sys.stdout = _nothing()


class _Raw(io.FileIO):
    """stdout, whose failures are told from those of other files, and from those of cells."""

    def write(self, text: Any) -> int:
        try:
            return super().write(text)
        except BrokenPipeError as error:
            raise PipeClosed from error
        except OSError as error:
            raise StdoutError(error.strerror) from error


def _real(stream: TextIO) -> TextIO:
    """Return stdout with failures of its own; what a test has put in its place stays."""
    try:
        number = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return stream
    if not isinstance(stream, io.TextIOWrapper) or number != 1:
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_Raw(number, "wb", closefd=False)),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
    )


def _nothing() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - for as long as we run


def _forgive(stream: TextIO) -> None:
    """Let a stream replace the characters that its encoding lacks, instead of raising."""
    codecs.register_error(HANDLER, _replaced)
    if isinstance(stream, io.TextIOWrapper) and not speaks_unicode(stream.encoding):
        stream.reconfigure(errors=HANDLER)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end
