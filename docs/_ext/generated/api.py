"""The API reference: every name of `__all__` of the modules that a page names."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sphinx.pycode import ModuleAnalyzer

import mixup_multi
from generated.markdown import code, summary, table

PAGES = Path(__file__).parents[2] / "reference" / "api"


def modules(asked: str) -> str:
    """Return the reference of a module; of all modules of a package where `.*` stands after it."""
    return "\n".join(_module(name) for name in expanded(asked))


def top(_: str) -> str:
    """Return a table of the names of the package itself, which live in its modules."""
    homes = mixup_multi._HOMES
    rows = (
        (f"{{py:obj}}`{name} <{homes[name]}.{name}>`", summary(getattr(mixup_multi, name)))
        for name in sorted(homes, key=str.lower)
    )
    return table(("name", ""), rows)


def names(_: str) -> str:
    """Return the list of all public names, module by module."""
    return "```text\n" + "\n".join(public_names()) + "\n```\n"


def public_names() -> list[str]:
    """Return every public name with its module, in the order of the reference's pages."""
    found = [f"mixup_multi.{name}" for name in sorted(mixup_multi.__all__)]
    return found + [f"{name}.{one}" for name in public_modules() for one in _all(name)]


def public_modules() -> list[str]:
    """Return the modules that the reference's pages document."""
    asked = [
        name
        for page in sorted(PAGES.glob("*.md"))
        for name in re.findall(r"^<!-- generated: api (\S+) -->$", page.read_text(), re.MULTILINE)
    ]
    return [module for name in asked for module in expanded(name)]


def expanded(asked: str) -> list[str]:
    """Return a module's name alone, or with those of the public modules in it for `name.*`."""
    if not asked.endswith(".*"):
        return [asked]
    package = importlib.import_module(asked.removesuffix(".*"))
    inside = pkgutil.iter_modules(package.__path__, f"{package.__name__}.")
    rest = [one.name for one in inside if not one.name.rpartition(".")[2].startswith("_")]
    exported = {getattr(package, name).__module__ for name in package.__all__}
    return [package.__name__, *(name for name in rest if name not in exported and _all(name))]


def _all(module: str) -> list[str]:
    return sorted(getattr(importlib.import_module(module), "__all__", ()), key=str.lower)


def _module(name: str) -> str:
    entries = [(one, *_directive(name, one)) for one in _all(name)]
    rows = ((f"{{py:obj}}`{one} <{target}>`", about) for one, _, target, about in entries)
    body = "\n\n".join(text for _, text, _, _ in entries)
    head = f".. automodule:: {name}\n   :no-members:"
    return "\n".join((f"## {code(name)}\n", _rst(head), table(("name", ""), rows), _rst(body)))


def _rst(text: str) -> str:
    return f"```{{eval-rst}}\n{text}\n```\n"


def _directive(module: str, name: str) -> tuple[str, str, str]:
    """Return the directive for a name, the target of links to it, and its first line."""
    thing = getattr(importlib.import_module(module), name)
    target = f"{module}.{name}"
    if inspect.isclass(thing):
        kind = "exception" if issubclass(thing, Exception) else "class"
        return f".. auto{kind}:: {target}\n   :members:{_inherited(thing)}", target, summary(thing)
    if inspect.isfunction(thing):
        return f".. autofunction:: {target}", target, summary(thing)
    target, about = _data(module, name)
    return f".. autodata:: {target}", target, about


def _inherited(made: type) -> str:
    """Return the option by which what an estimator inherits is shown with it."""
    return "\n   :inherited-members:" if made.__module__.startswith("mixup_multi.sklearn") else ""


def _data(module: str, name: str) -> tuple[str, str]:
    """Return where a constant or an alias of types is defined, and the first line on it.

    Raises:
        LookupError: nothing is said about it.
    """
    for home in _inside(module):
        comments = ModuleAnalyzer.for_module(home).find_attr_docs()
        if ("", name) in comments:
            return f"{home}.{name}", comments["", name][0]
    raise LookupError(f"{module}.{name} is public: expected a docstring below it")


@cache
def _inside(module: str) -> list[str]:
    package: Any = importlib.import_module(module)
    return [module, *_submodules(package)]


def _submodules(package: Any) -> Iterator[str]:
    for one in pkgutil.iter_modules(getattr(package, "__path__", ()), f"{package.__name__}."):
        yield one.name
