"""What was asked of an output folder: OUT/recipes holds every recipe that was run there.

Each file keeps the recipe's title, source and notes, the command, and all cells that it planned
(of a part of it, those of the part), so that a report can say what was planned and never ran.
Whoever gives a plan up deletes its file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from mixup_multi.engine.cache import not_written
from mixup_multi.engine.sealed import DamagedError
from mixup_multi.grid.analyses import folder_of
from mixup_multi.grid.folder.sealed_json import read_json, write_json
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.recipe.only import Part
from mixup_multi.recipe.schema import Recipe

FOLDER = "recipes"


@dataclass(frozen=True)
class KeptRecipe:
    """A recipe that was run in an output folder.

    Attributes:
        name: of its file, without ending.
        title, source, notes: as the recipe says.
        command: the command that ran it, but for where data and results lie.
        text: the recipe's file, before changes by the command.
        cells: every planned cell: its key, and its line for people.
        analyses: the folder and the label of every analysis.
        part: how much of the recipe was asked for; None for the whole.
    """

    name: str
    title: str
    source: str
    notes: tuple[str, ...]
    command: str
    text: str
    cells: Mapping[str, str]
    analyses: Mapping[str, str] = field(default_factory=dict)
    part: Part | None = None


def keep_recipe(
    out: Path,
    name: str,
    recipe: Recipe,
    cells: Sequence[Cell],
    command: str,
    text: str,
    analyses: Sequence[Choice] = (),
    part: Part | None = None,
) -> None:
    """Keep a recipe in `out`; the same recipe and command leave one file, however often they run.

    Raises:
        WriteError: it cannot be written.
    """
    content: dict[str, Any] = {
        "name": name,
        "title": recipe.title,
        "source": recipe.source,
        "notes": list(recipe.notes),
        "command": command,
        "text": text,
        "cells": {cell.key: cell.title for cell in cells},
    }
    if analyses:
        content["analyses"] = {folder_of(out, one).name: one.label for one in analyses}
    if part is not None:
        content["part"] = asdict(part)
    digest = hashlib.sha256(json.dumps(content).encode()).hexdigest()[:12]
    path = out / FOLDER / f"{name}-{digest}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(path, error) from error
    write_json(path, content)


def kept_recipes(out: Path) -> tuple[list[KeptRecipe], list[str]]:
    """Return the recipes that were run in `out`, by name, and what cannot be read of them."""
    found, damaged = [], []
    for path in sorted((out / FOLDER).glob("*.json")):
        try:
            found.append(_kept(read_json(path) or {}))
        except (DamagedError, KeyError, TypeError, ValueError, AttributeError) as error:
            damaged.append(f"{path.name}: {error}")
    return found, damaged


def _kept(content: Mapping[str, Any]) -> KeptRecipe:
    return KeptRecipe(
        name=str(content["name"]),
        title=str(content["title"]),
        source=str(content["source"]),
        notes=tuple(map(str, content["notes"])),
        command=str(content["command"]),
        text=str(content["text"]),
        cells={str(key): str(title) for key, title in content["cells"].items()},
        analyses={str(key): str(label) for key, label in content.get("analyses", {}).items()},
        part=_part(content.get("part")),
    )


def _part(content: Mapping[str, Any] | None) -> Part | None:
    if content is None:
        return None
    (cells, of_cells), (analyses, of_analyses) = content["cells"], content["analyses"]
    words = tuple(map(str, content["words"]))
    return Part(words, (int(cells), int(of_cells)), (int(analyses), int(of_analyses)))
