"""Docstrings are written for the terminal; here they are made fit for Sphinx.

An indented block of prose (an equation, a table, code) is shown as it is; stars, bars and
underscores mean themselves. Sections (`Args:` and so on) are left to Napoleon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sphinx.application import Sphinx

_SECTION = re.compile(r"[A-Z][a-z]+:")
_CODE = re.compile(r"(`+[^`]+`+)")
_MARKUP = re.compile(r"[*|]|(?<=\w)_(?!\w)")


def as_rst(lines: list[str]) -> Iterator[str]:
    """Yield a docstring's lines as reStructuredText."""
    section = literal = doctest = False
    for line in lines:
        if line and not line.startswith(" "):
            section, literal = _SECTION.fullmatch(line) is not None, False
        doctest = bool(line) and (doctest or line.startswith(">>>"))
        if not section and line.startswith("    ") and not doctest:
            if not literal:
                yield from ("::", "")
            literal = True
        yield line if literal or doctest else _escaped(line)


def _escaped(line: str) -> str:
    parts = _CODE.split(line)
    return "".join(
        part if number % 2 else _MARKUP.sub(r"\\\g<0>", part) for number, part in enumerate(parts)
    )


def _process(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:  # noqa: ARG001, E501  (Sphinx's signature)
    if name.startswith("mixup_multi"):
        lines[:] = as_rst(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect to Sphinx, before Napoleon."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
