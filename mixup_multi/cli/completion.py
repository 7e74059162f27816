"""What the values of arguments and options complete to, in a shell that has completion installed.

A key press waits for this, so nothing here imports torch or pydantic. What only adapters know,
the names of data sets, is asked of them once and remembered (`remembered`). Where nothing of ours
fits, the list is empty, and the shell completes files by itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from mixup_multi.recipe.shipped import shipped_evaluations, shipped_recipes

OWN = ("cells", "analyses")
"""A folder that has one of these in it is an output folder."""


def recipes(incomplete: str) -> list[str]:
    """Return shipped recipes, and recipe files of the current folder."""
    return _fitting([*shipped_recipes(), *_files_here()], incomplete)


def evaluations(incomplete: str) -> list[str]:
    """Return what `evaluate --with` can name."""
    return _fitting([*shipped_evaluations(), *shipped_recipes(), *_files_here()], incomplete)


def kinds(incomplete: str) -> list[str]:
    """Return what `list` can name."""
    from mixup_multi.entries import MADE, plural_of

    names = {plural_of(group) for group in MADE}
    return _fitting([*names, "adapters", "datasets", "models", "recipes"], incomplete)


def datasets(incomplete: str) -> list[str]:
    """Return data sets, and the recipes whose data sets can be meant."""
    from mixup_multi.cli.remembered import remembered

    return _fitting([*remembered()["datasets"], *shipped_recipes()], incomplete)


def devices(incomplete: str) -> list[str]:
    """Return what `--device` can name; which GPUs there are is not asked here."""
    return _fitting(["auto", "cpu", "cuda"], incomplete)


def outputs(incomplete: str) -> list[str]:
    """Return output folders: here, in `runs`, and beside what is being typed."""
    typed = Path(incomplete).parent if incomplete else Path()
    places = dict.fromkeys((typed, Path("runs")))
    found = [str(one) for place in places for one in _folders(place) if _is_output(one)]
    return _fitting(found, incomplete)


def assignments(incomplete: str) -> list[str]:
    """Return keys of recipes with an `=`, and after it what a key can be."""
    from mixup_multi.cli.remembered import remembered

    key, equals, value = incomplete.partition("=")
    known: dict[str, list[str]] = remembered()["keys"]
    if not equals:
        return _fitting((f"{key}=" for key in known), incomplete)
    if key == "methods":
        return _methods(value)
    return _fitting((f"{key}={one}" for one in known.get(key, ())), incomplete)


def _methods(value: str) -> list[str]:
    """Return `methods=[...` with the last word completed to names of methods."""
    from mixup_multi.entries import OBJECTIVES, names

    before, comma, last = value.removeprefix("[").rpartition(",")
    gap = last[: len(last) - len(last.lstrip())]
    return [
        f"methods=[{before}{comma}{gap}{name}" for name in _fitting(names(OBJECTIVES), last.strip())
    ]


def _fitting(names: Iterable[Any], incomplete: str) -> list[str]:
    return sorted({name for name in names if name.startswith(incomplete)})


def _files_here() -> list[str]:
    return [path.name for end in ("*.yaml", "*.yml") for path in Path().glob(end)]


def _folders(place: Path) -> list[Path]:
    try:
        return [Path(place, one.name) for one in os.scandir(place) if one.is_dir()]
    except OSError:
        return []


def _is_output(folder: Path) -> bool:
    return any((folder / name).is_dir() for name in OWN)
