"""Pieces of Markdown that several generated pages need."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable
from typing import Any

_SECTION = re.compile(r"\n(?:Args|Attributes|Settings|Returns|Raises|Examples?):\n")


def table(headings: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """Return a table; an empty text where there are no rows."""
    lines = [_line(row) for row in rows]
    if not lines:
        return ""
    heads = list(headings)
    return "\n".join([_line(heads), _line("---" for _ in heads), *lines]) + "\n"


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", r"\|").replace("\n", " ") for cell in cells) + " |"


def code(value: object) -> str:
    """Return a value as code."""
    return f"`{value}`"


def summary(thing: Any) -> str:
    """Return the first line of a docstring."""
    return prose(thing).partition("\n")[0]


def prose(thing: Any) -> str:
    """Return a docstring up to its first section."""
    return _SECTION.split("\n" + (inspect.getdoc(thing) or "") + "\n")[0].strip()
