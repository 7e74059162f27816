"""What settings mean, read where it is said: in the docstrings of what takes them.

The JSON Schema for editors and the reference in the documentation show the same words.
"""

from __future__ import annotations

import importlib
import inspect
import re
import typing
from collections.abc import Iterator
from typing import Any

_SECTION = re.compile(r"(Args|Attributes|Settings):")
_ENTRY = re.compile(r" {4}(\w+(?:, \w+)*): (.*)")


def meanings(made: Any) -> dict[str, str]:
    """Return what is said of each setting of a class or function, by its name.

    What a class leaves to its bases is taken from them, and what a function leaves unsaid from
    the class that it returns, or from a section `Settings:` of its module or package, where what
    several of them share is said once.
    """
    found: dict[str, str] = {}
    for text in _texts(made):
        found.update(said_in(text))
    return found


def said_in(docstring: str) -> dict[str, str]:
    """Return the entries of the sections on arguments, attributes and settings of a docstring."""
    found: dict[str, str] = {}
    names: list[str] = []
    inside = False
    for line in inspect.cleandoc(docstring).splitlines():
        if line and not line.startswith(" "):
            inside, names = _SECTION.fullmatch(line) is not None, []
        elif inside and (entry := _ENTRY.fullmatch(line)):
            names = entry[1].split(", ")
            found.update(dict.fromkeys(names, entry[2]))
        elif inside and line.startswith(" " * 8):
            found.update({name: f"{found[name]} {line.strip()}" for name in names})
    return found


def _texts(made: Any) -> Iterator[str]:
    """Yield the docstrings that say something of its settings, the most telling one last."""
    if not isinstance(made, type):
        package, _, _ = made.__module__.rpartition(".")
        for module in (package, made.__module__):
            yield importlib.import_module(module).__doc__ or ""
        returned = typing.get_type_hints(made).get("return")
        if isinstance(returned, type):
            yield returned.__doc__ or ""
    for one in reversed(inspect.getmro(made)) if isinstance(made, type) else (made,):
        yield one.__doc__ or ""
