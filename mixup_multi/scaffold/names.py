"""The names of a new project, of which none may be in use."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from ruamel.yaml import YAML

from mixup_multi import door
from mixup_multi.errors import SettingError

OWN = ("tests", "runs", "data", "docs")
"""Folders that a project has, or gets when it is run; no module can have their names."""

LONGEST = 100
"""Letters of a name: a file's name may have 255 bytes, and the longest of ours adds to it."""


@dataclass(frozen=True)
class Names:
    """What a project called e.g. `ecg-beats` is called where.

    Attributes:
        module: as Python and recipes know it: `ecg_beats`.
    """

    module: str

    @property
    def project(self) -> str:
        """As pip and the folder know it: `ecg-beats`."""
        return self.module.replace("_", "-")

    @property
    def type(self) -> str:
        """The beginning of its class's name: `EcgBeats`."""
        return "".join(word.capitalize() for word in self.module.split("_"))

    @property
    def title(self) -> str:
        """In a sentence's beginning: `Ecg beats`."""
        return self.module.replace("_", " ").capitalize()


def names_of(given: str) -> Names:
    """Return the names of a project.

    Args:
        given: what its user calls it; `-` and `_` are the same.

    Raises:
        SettingError: it is no name of a module, or it is taken.
    """
    module = given.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", module):
        raise SettingError(
            f"{given!r} cannot be the name of a module: expected small letters, digits and single"
            f" - or _ between them, a letter first{_instead(given)}"
        )
    if len(module) > LONGEST:
        raise SettingError(
            f"{given[:20]!r}... cannot be its name: it has {len(module)} letters; expected at most"
            f" {LONGEST}, e.g. {given[:20].strip('-_')}"
        )
    names = Names(module)
    taken = _taken(names)
    if taken:
        raise SettingError(
            f"{given!r} cannot be its name: {taken}. Choose another, e.g. my-{given}"
        )
    return names


def _instead(given: str) -> str:
    """Return a name that would do, made of one that does not."""
    better = re.sub(r"[^a-z0-9]+", "-", given.lower()).strip("-").lstrip("0123456789-")
    return f"; did you mean {better!r}?" if better else ", e.g. ecg-beats"


def _taken(names: Names) -> str:
    """Return what has the name already, in a clause; empty where nothing has."""
    module = names.module
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        return "it is a word of Python's"
    if keyword.iskeyword(names.type):
        return f"its class would be called {names.type!r}, a word of Python's"
    if not all(isinstance(_in_yaml(word), str) for word in (module, names.title)):
        return f"recipes would read {module!r} as {_in_yaml(module)!r}, no name"
    for group in (door.ADAPTERS, *door.MADE):
        if module in door.names(group):
            return f"the {door.kind_of(group)} {module!r} is installed"
    if module in sys.stdlib_module_names:
        return f"Python's own module {module!r} would be hidden"
    if module in OWN:
        return f"its folder {module}/ has another use"
    if _is_distribution(names.project):
        return f"a package {names.project!r} is installed, which pip would replace"
    where = _module_elsewhere(module)
    return f"a module {module!r} is installed, in {where}" if where else ""


def _in_yaml(word: str) -> object:
    """Return what an unquoted word is in a recipe: `null` and `true`, say, are no text."""
    return YAML(typ="safe").load(word)


def _is_distribution(project: str) -> bool:
    try:
        metadata.distribution(project)
    except metadata.PackageNotFoundError:
        return False
    return True


def _module_elsewhere(module: str) -> Path | None:
    """Return where an importable module lies; None where there is none but in this folder."""
    spec = find_spec(module)
    if spec is None:
        return None
    found = spec.submodule_search_locations or ([spec.origin] if spec.origin else [])
    places = [Path(place).resolve() for place in found]
    here = Path.cwd().resolve()
    return next((place for place in places if place.parent != here), None)
