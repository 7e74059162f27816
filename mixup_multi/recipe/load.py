"""Reading recipe files: strict YAML 1.2, with the line of whatever is wrong.

ruamel.yaml's round-trip loader keeps line numbers, refuses repeated keys, and reads the speech
labels yes, no, on and off as words.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.explain import Place, explained
from mixup_multi.recipe.replaced import lost_settings
from mixup_multi.recipe.schema import Matrix, Recipe
from mixup_multi.recipe.shipped import shipped_evaluations, shipped_recipes

__all__ = [
    "Document",
    "find_evaluations",
    "find_recipe",
    "load_recipe",
    "parse_assignment",
    "shipped_evaluations",
    "shipped_recipes",
]


def find_recipe(name: str) -> Path:
    """Return the file of a recipe given by path, or by the name of a shipped one.

    Raises:
        SettingError: there is none.
    """
    return _found(name, shipped_recipes())


def find_evaluations(name: str) -> Path:
    """Return the file of a list of evaluations, or of a recipe that has one, by path or name.

    Raises:
        SettingError: there is none.
    """
    return _found(name, {**shipped_recipes(), **shipped_evaluations()})


def _found(name: str, shipped: Mapping[str, Path]) -> Path:
    path = Path(name)
    there = _is_there(path)
    if there and path.is_file():
        return path
    if not name:
        raise SettingError("'' names no recipe: expected a recipe file, or a shipped one's name")
    if there and path.is_dir() and name not in shipped:
        raise SettingError(f"{name!r} is a folder: expected a recipe file, or a shipped one's name")
    stem = path.name.removesuffix(".yaml").removesuffix(".yml")
    if stem in shipped and len(path.parts) <= 2:
        return shipped[stem]
    if there:
        raise SettingError(f"{name!r} is no ordinary file: expected a recipe file, in YAML")
    raise SettingError(
        f"there is no recipe {name!r}: neither a file here nor one that is shipped"
        f"{did_you_mean(stem, shipped)}"
    )


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for a file's
        return False


def parse_assignment(assignment: str) -> tuple[str, Any]:
    """Return key and value of `KEY=VALUE`; the value is YAML.

    Raises:
        SettingError: it is not of that form.
    """
    key, equals, text = assignment.partition("=")
    if not equals or not key:
        raise SettingError(f"--set {assignment!r}: expected KEY=VALUE, e.g. train.epochs=3")
    try:
        return key, YAML(typ="safe").load(text)
    except YAMLError as error:
        raise SettingError(f"--set {assignment!r}: the value is not valid YAML") from error


class Document:
    """A recipe file as read, with its lines; `--set` changes are applied to it.

    Attributes:
        path: the file.
        assigned: what the command line set, by its key.
        lost: what a user should hear of settings that went with what was replaced, a line each.
        text: the file's text.
        content: what it says, with the changes.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.assigned: dict[Place, str] = {}
        self.lost: list[str] = []
        try:
            self.text = path.read_text(encoding="utf-8")
            self.content = YAML(typ="rt").load(self.text)
        except MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark is not None else ""
            reason = (error.problem or error.context or "cannot be read").strip()
            raise SettingError(f"{path}{line}: not valid YAML: {reason}") from error
        except UnicodeDecodeError as error:
            raise SettingError(f"{path}: this is no text in UTF-8, so no recipe") from error
        except Exception as error:  # ruamel's constructors raise anything on odd tags
            raise SettingError(f"{path}: cannot be read: {error}") from error
        if self.content is None:
            raise SettingError(
                f"{path}: this recipe is empty; `mixup-multi show quickstart` shows a whole one"
            )
        if not isinstance(self.content, Mapping):
            raise SettingError(f"{path}: a recipe is a mapping of keys; this file is not one")

    def set(self, assignment: str) -> None:
        """Apply one `key.key=value` of the command line; the value is YAML.

        Raises:
            SettingError: it is not of that form, or leads through something not a mapping.
        """
        key, value = parse_assignment(assignment)
        *parents, last = key.split(".")
        self.assigned[self._new(key.split("."))] = assignment
        if key == "parts" and (lost := lost_settings(self.content.get("parts"), value)):
            self.lost.append(
                f"--set parts=... replaces the parts of {self.path.name}, and what they said for"
                f" themselves is gone: {lost}. Say it in the new parts, too; or use --only, which"
                " takes a part of a recipe as it is"
            )
        for root in self._roots(key.split(".")[0]):
            self._descend(root, parents)[last] = value

    def _new(self, keys: Sequence[str]) -> Place:
        """Return the part of a key that the file does not have, or the whole key."""
        place = self.content
        for number, key in enumerate(keys, start=1):
            if not isinstance(place, Mapping) or key not in place:
                return tuple(keys[:number])
            place = place[key]
        return tuple(keys)

    def _roots(self, first: str) -> list[Any]:
        """Return the mappings to change: the file's top, and every part that has the key itself."""
        parts = self.content.get("parts", [])
        parts = parts if isinstance(parts, list) else []
        return [self.content, *(p for p in parts if isinstance(p, Mapping) and first in p)]

    def _descend(self, place: Any, parents: Sequence[str]) -> Any:
        for name in parents:
            place = place.setdefault(name, {})
            if not isinstance(place, Mapping):
                raise SettingError(f"--set {'.'.join(parents)}: {name!r} is not a section")
        return place

    def line(self, path: Place) -> int | None:
        """Return the line, from 1, of the deepest part of `path` that the file has.

        Paths begin with `("parts", n)` also where the file is a single matrix, or where a part
        has the key from the top of the file.
        """
        place: Any = self.content
        found: int | None = None
        for part in self._as_written(path):
            lines: Any = getattr(place, "lc", None)
            try:
                position = lines.key(part) if isinstance(part, str) else lines.item(part)
                place = place[part]
            except (AttributeError, KeyError, IndexError, TypeError):
                break
            found = int(position[0]) + 1
        return found

    def _as_written(self, path: Place) -> Place:
        if path[:1] != ("parts",) or len(path) < 3:
            return path
        try:
            own = path[2] in self.content["parts"][path[1]]
        except (KeyError, IndexError, TypeError):
            own = False
        return path if own or path[2] not in self.content else path[2:]

    def where(self, path: Place) -> str:
        """Return `file:line` of `path`, as far as the file has it, or the `--set` that set it."""
        inside = path[2:] if path[:1] == ("parts",) else path
        for key, assignment in self.assigned.items():
            if inside[: len(key)] == key:
                return f"--set {assignment} (on {self.path.name})"
        line = self.line(path)
        return f"{self.path}:{line}" if line is not None else f"{self.path}"

    def error(self, error: SettingError) -> SettingError:
        """Return the error with the file and line in front."""
        return SettingError(f"{self.where(error.path)}: {error}", error.path)

    def recipe(self) -> Recipe:
        """Return the checked recipe.

        Raises:
            SettingError: with the file's line.
        """
        try:
            return self._checked()
        except SettingError as error:
            raise self.error(error) from error

    def _checked(self) -> Recipe:
        try:
            plain = json.loads(json.dumps(self.content, default=str))
        except TypeError as error:
            raise SettingError(f"a key that is not plain text ({error})") from error
        shared = {key: value for key, value in plain.items() if key in Matrix.model_fields}
        outer = {key: value for key, value in plain.items() if key not in shared}
        only_analyses = bool(outer.get("analyses")) and not shared
        parts = outer.pop("parts", [] if only_analyses else [{}])
        if not isinstance(parts, list) or not (parts or only_analyses):
            raise SettingError(f"parts is {parts!r}: expected a list of matrices", ("parts",))
        outer["parts"] = [_merged(shared, part) for part in parts]
        try:
            return Recipe.model_validate_json(json.dumps(outer))
        except ValidationError as error:
            raise explained(error) from error


def load_recipe(name: str, assignments: Sequence[str] = ()) -> tuple[Document, Recipe]:
    """Read a recipe by path or shipped name, with `--set` assignments applied."""
    document = Document(find_recipe(name))
    for assignment in assignments:
        document.set(assignment)
    return document, document.recipe()


def _merged(shared: Mapping[str, Any], part: Any) -> Any:
    """Return a part with the recipe's shared keys beneath its own; sections merge."""
    if not isinstance(part, dict):
        return part
    merged = {**shared, **part}
    for key in shared:
        if isinstance(shared[key], dict) and isinstance(part.get(key), dict):
            merged[key] = {**shared[key], **part[key]}
    return merged
