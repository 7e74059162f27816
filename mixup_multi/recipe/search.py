"""From the `search` of a recipe to the choices that have to be made before its cells are known."""

from __future__ import annotations

import copy
import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from pydantic import ValidationError

from mixup_multi import door
from mixup_multi.engine.settings import Train
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.recipe.expand import Locate, cells_of, cells_of_part, distinct, same_label
from mixup_multi.recipe.explain import Place
from mixup_multi.recipe.schema import Axis, Matrix, Range, Recipe, Search
from mixup_multi.recipe.search_check import check_search
from mixup_multi.recipe.searched import Point, Searched


@dataclass(frozen=True)
class Unit:
    """One choice: a point for a method on a data set and model, and for which trials.

    Attributes:
        search: how it is searched.
        axes: the settings that concern the method, with their values.
        places: for the path of each setting its section, `method` or `train`, and its key there.
        templates: its cells after the choice, with some point in the chosen one's place.
    """

    search: Search
    axes: Mapping[str, Axis]
    places: Mapping[str, tuple[str, str]]
    templates: tuple[Cell, ...]

    def grid(self) -> list[Point]:
        """Return every combination of listed values, the last setting changing fastest."""
        values = (axis for axis in self.axes.values() if isinstance(axis, tuple))
        return [dict(zip(self.axes, point, strict=True)) for point in itertools.product(*values)]

    def trying(self, point: Point) -> list[Cell]:
        """Return the cells by which `point` is judged."""
        return [self._at(cell, Searched(point)) for cell in self.judges]

    @property
    def judges(self) -> list[Cell]:
        """Return the templates of the cells by which points are judged."""
        first, trials = self.templates[0].seed, self.search.trials or 1
        shared = self.search.per == "dataset"
        return [cell for cell in self.templates if not shared or cell.seed - first < trials]

    def final(self, point: Point, told: Mapping[str, Any]) -> list[Cell]:
        """Return the cells that are reported once `point` is chosen."""
        return [self._at(cell, Searched(point, True, told)) for cell in self.templates]

    @property
    def title(self) -> str:
        """Return one line for people."""
        if self.search.per == "trial":
            return self.templates[0].title
        return " / ".join(choice.label for choice in self.templates[0].choices().values())

    def _at(self, cell: Cell, searched: Searched) -> Cell:
        changes: dict[str, dict[str, Any]] = {"method": {}, "train": {}}
        for path, value in searched.point.items():
            section, key = self.places[path]
            changes[section][key] = value
        return replace(
            cell,
            method=_method_at(cell.method, changes["method"]),
            train=_train_at(cell.train, changes["train"]),
            search=searched,
        )


def _method_at(method: Choice, changes: Mapping[str, Any]) -> Choice:
    settings = _changed(method.settings, changes)
    return replace(method, settings=json.loads(_checked(method.name, json.dumps(settings))))


@cache
def _checked(name: str, settings: str) -> str:
    """Return a method's settings, checked; cached, since many cells have the same."""
    return json.dumps(door.check_settings(door.load_objective(name), json.loads(settings)))


def _train_at(train: Train, changes: Mapping[str, Any]) -> Train:
    settings = _changed(train.model_dump(mode="json"), changes)
    try:
        return Train.model_validate_json(json.dumps(settings))
    except ValidationError as error:
        raise door.setting_error(error) from error


def _changed(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return resolved settings with values put at dotted paths, which have to be there."""
    changed = copy.deepcopy(dict(settings))
    for path, value in changes.items():
        *sections, last = path.split(".")
        place: Any = changed
        for name in [*sections, last]:
            if not isinstance(place, dict) or name not in place:
                known = place if isinstance(place, dict) else ()
                raise SettingError(f"unknown setting {name!r}{did_you_mean(name, known)}")
            parent, place = place, place[name]
        parent[last] = value
    return changed


def expanded(recipe: Recipe, locate: Locate = str) -> tuple[list[Cell], list[Unit]]:
    """Return the cells that are known at once, and the choices on which the others wait.

    Raises:
        SettingError: as `cells_of`; or a search that names what is not there.
    """
    if all(part.search is None for part in recipe.parts):
        return cells_of(recipe, locate), []
    known: list[list[Cell]] = []
    units: list[Unit] = []
    for number, part in enumerate(recipe.parts):
        cells = cells_of_part(recipe, number, locate)
        searched = _places_by_method(part, ("parts", number))
        methods = len(part.methods)
        known.append([cell for i, cell in enumerate(cells) if i % methods not in searched])
        for method, places in searched.items():
            assert part.search is not None  # else nothing is searched
            axes = {path: part.search.over[path] for path in places}
            own = [
                Unit(part.search, axes, places, templates)
                for templates in _groups(cells[method::methods], part.search)
            ]
            _check_values(own[0], ("parts", number, "search", "over"))
            units += own
    ordinary = distinct(known)
    _check_labels(ordinary, units)
    return ordinary, units


def _groups(cells: Sequence[Cell], search: Search) -> list[tuple[Cell, ...]]:
    """Return the cells of a method that share a choice."""
    groups: dict[tuple[Any, ...], list[Cell]] = {}
    for cell in cells:
        trial = (cell.seed, cell.fold) if search.per == "trial" else ()
        groups.setdefault((cell.dataset.label, cell.model.label, *trial), []).append(cell)
    return [tuple(group) for group in groups.values()]


Places = dict[str, tuple[str, str]]


def _places_by_method(part: Matrix, prefix: Place) -> dict[int, Places]:
    """Return where each searched setting stands, by the number of each method that is searched."""
    search = part.search
    if search is None:
        return {}
    check_search(part, search, (*prefix, "search"))
    found: dict[int, Places] = {number: {} for number in range(len(part.methods))}
    for path in search.over:
        if path.startswith("train."):
            for places in found.values():
                places[path] = "train", path.removeprefix("train.")
        else:
            number, key = _named(part, path, (*prefix, "search", "over", path))
            found[number][path] = "method", key
    return {number: places for number, places in found.items() if places}


def _named(part: Matrix, path: str, place: Place) -> tuple[int, str]:
    """Return which method a path names, by its label or else its name, and which setting."""
    for names in ([m.shown for m in part.methods], [m.name for m in part.methods]):
        found = [n for n, name in enumerate(names) if path.startswith(f"methods.{name}.")]
        if len(found) == 1:
            return found[0], path.removeprefix(f"methods.{names[found[0]]}.")
    known = [f"methods.{method.shown}" for method in part.methods]
    raise SettingError(
        f"search.over {path!r}: expected methods.LABEL.SETTING of one method, or train.SETTING"
        f"{did_you_mean(path.rpartition('.')[0] or path, known)}",
        place,
    )


def _check_values(unit: Unit, place: Place) -> None:
    """Raise `SettingError` for a value that its setting does not take, before anything is run."""
    for path, axis in unit.axes.items():
        for value in (axis.low, axis.high) if isinstance(axis, Range) else axis:
            try:
                unit.final({path: value}, {})
            except SettingError as error:
                message = f"search.over {path!r}: {error}"
                raise SettingError(message, (*place, path)) from error


def _check_labels(ordinary: Sequence[Cell], units: Sequence[Unit]) -> None:
    """Raise `SettingError` where two choices, or a choice and a cell, cannot be told apart."""
    titles = {cell.title: cell for cell in ordinary}
    keys = {cell.key: cell for cell in ordinary}
    for unit in units:
        for cell in unit.templates:
            if titles.setdefault(cell.title, cell) is not cell:
                raise same_label(titles[cell.title], cell, ())
        for point in unit.grid() if unit.search.study == "grid" else ():
            for cell in unit.final(point, {}):
                if keys.setdefault(cell.key, cell) is not cell:
                    raise same_label(keys[cell.key], cell, ())
