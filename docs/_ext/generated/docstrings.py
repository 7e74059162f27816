"""Docstrings are written for the terminal; here they are made fit for Sphinx.

An indented block of prose (an equation, a table, code) is shown as it is; stars, bars and
underscores mean themselves. Sections (`Args:` and so on) are left to Napoleon.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sphinx.application import Sphinx

_SECTION = re.compile(r"[A-Z][a-z]+:")
_OBJECT = re.compile(r"<[\w.]*?(\w+) object>")
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


def _process(
    app: Sphinx,  # noqa: ARG001  (Sphinx's signature)
    what: str,
    name: str,
    obj: object,  # noqa: ARG001
    options: object,  # noqa: ARG001
    lines: list[str],
) -> None:
    if name.startswith("mixup_multi"):
        # Napoleon takes what stands before a colon in an attribute's first line for its type.
        first = [""] if what in ("attribute", "data", "property") else []
        lines[:] = [*first, *as_rst(lines)]


def _sign(
    app: Sphinx,  # noqa: ARG001  (Sphinx's signature)
    what: str,  # noqa: ARG001
    name: str,  # noqa: ARG001
    obj: object,  # noqa: ARG001
    options: object,  # noqa: ARG001
    signature: str | None,
    returned: str | None,
) -> tuple[str | None, str | None]:
    """Show a default that has no settings, such as a loss, as the call that makes it."""
    return signature and _OBJECT.sub(r"\1()", signature), returned


def _skip(
    app: Sphinx,  # noqa: ARG001  (Sphinx's signature)
    what: str,  # noqa: ARG001
    name: str,
    obj: object,
    skip: bool,  # noqa: ARG001
    options: object,  # noqa: ARG001
) -> bool | None:
    """Leave out what an estimator has of scikit-learn, which documents it."""
    theirs = str(getattr(obj, "__module__", "")).startswith("sklearn.")
    return True if theirs or re.fullmatch(r"set_\w+_request", name) else None


def setup(app: Sphinx) -> None:
    """Connect to Sphinx, before Napoleon."""
    app.connect("autodoc-process-docstring", _process, priority=400)
    app.connect("autodoc-process-signature", _sign)
    app.connect("autodoc-skip-member", _skip)
