"""Text for readers that know ASCII only, as with PYTHONIOENCODING=ascii or an old terminal."""

from __future__ import annotations

import codecs
from typing import TextIO

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


def speaks_unicode(encoding: str | None) -> bool:
    """Return whether a stream of this encoding takes any character."""
    return (encoding or "").lower().replace("-", "").startswith("utf")


def plain(text: str) -> str:
    """Return text in ASCII.

    >>> plain("8.89 ± 6.94 …")
    '8.89 +- 6.94 ...'
    """
    return "".join(one if one.isascii() else INSTEAD.get(one, "?") for one in text)


def forgive(stream: TextIO) -> None:
    """Let a stream replace the characters that its encoding lacks, instead of raising."""
    codecs.register_error(HANDLER, _replaced)
    reconfigure = getattr(stream, "reconfigure", None)
    if reconfigure is not None and not speaks_unicode(stream.encoding):
        reconfigure(errors=HANDLER)


def _replaced(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return plain(error.object[error.start : error.end]), error.end
