"""What completion needs of things that take seconds to import, remembered in the cache folder.

It is asked anew when other adapters are installed, and renewed by every command that has loaded
the adapters anyway (`list`, `data`, `doctor`). It may be deleted.
"""

from __future__ import annotations

import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from mixup_multi import __version__
from mixup_multi.entries import ADAPTERS, entries
from mixup_multi.folders import cache_root

FILE = "completion.json"


def remembered() -> dict[str, Any]:
    """Return names of data sets and keys of recipes, with their values where these are few.

    The first call takes as long as importing torch does.
    """
    with suppress(OSError, ValueError, KeyError):
        found = json.loads(_path().read_text(encoding="utf-8"))
        if found["of"] == _fingerprint():
            return dict(found)
    return remember()


def remember() -> dict[str, Any]:
    """Ask the adapters and the recipes' schema, and write down what they say, if that can be."""
    found = {"of": _fingerprint(), "datasets": _datasets(), "keys": _keys()}
    with suppress(OSError):
        path = _path()
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps(found), encoding="utf-8")
        temporary.replace(path)
    return found


def _path() -> Path:
    return cache_root() / FILE


def _fingerprint() -> list[str]:
    """Return what is different where other adapters, or another version, are installed."""
    return [__version__, *(f"{name}={point.value}" for name, point in entries(ADAPTERS).items())]


def _datasets() -> list[str]:
    from mixup_multi import door

    found: dict[str, None] = {}
    for adapter in door.names(ADAPTERS):
        for name in door.load_adapter(adapter).datasets:
            found[name] = None
            found[f"{adapter}/{name}"] = None
    return list(found)


def _keys() -> dict[str, list[str]]:
    """Return the keys that `--set` can name, in dots, with their values where these are few."""
    from mixup_multi.engine.settings import Train
    from mixup_multi.recipe.schema import Matrix, Recipe

    tops = {**Recipe.model_fields, **Matrix.model_fields}
    found = {name: _values(field) for name, field in tops.items() if name != "train"}
    found |= {f"train.{name}": _values(field) for name, field in Train.model_fields.items()}
    return found


def _values(field: Any) -> list[str]:
    """Return the values of a literal or of yes and no, as YAML; none where there are many."""
    import typing

    if field.annotation is bool:
        return ["false", "true"]
    if typing.get_origin(field.annotation) is typing.Literal:
        return [str(value) for value in typing.get_args(field.annotation)]
    return []
