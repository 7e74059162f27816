"""`mixup-multi list` and `schema`: what recipes can name, for people and for editors."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixup_multi import door
from mixup_multi.engine.source import Dataset
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.load import load_recipe, shipped_recipes
from mixup_multi.recipe.schema import Recipe

Rows = Iterator[tuple[str, ...]]


def _summary(thing: Any) -> str:
    return (inspect.getdoc(thing) or "").partition("\n")[0]


def _adapters() -> Rows:
    for name in door.names(door.ADAPTERS):
        yield name, _summary(door.load(door.ADAPTERS, name))


def _datasets() -> Rows:
    for adapter in door.names(door.ADAPTERS):
        for name, dataset in door.load_adapter(adapter).datasets.items():
            yield adapter, name, dataset.summary, dataset.size or _no_size(dataset)


def _no_size(dataset: Dataset) -> str:
    return "embedded" if dataset.fetch is None else "unknown"


def _models() -> Rows:
    for adapter in door.names(door.ADAPTERS):
        for name, factory in door.load_adapter(adapter).models.items():
            yield adapter, name, _summary(factory)


def _methods() -> Rows:
    for name in door.names(door.OBJECTIVES):
        yield name, _summary(door.load(door.OBJECTIVES, name))


def _recipes() -> Rows:
    for name in shipped_recipes():
        _, recipe = load_recipe(name)
        yield name, recipe.title


LISTS: dict[str, tuple[tuple[str, ...], Callable[[], Rows]]] = {
    "adapters": (("adapter", ""), _adapters),
    "datasets": (("adapter", "data set", "", "download"), _datasets),
    "models": (("adapter", "model", ""), _models),
    "methods": (("method", ""), _methods),
    "recipes": (("recipe", ""), _recipes),
}


def print_lists(what: str | None) -> None:
    """Print one list, or all."""
    if what is not None and what not in LISTS:
        raise SettingError(f"there is no list {what!r}{did_you_mean(what, LISTS)}")
    console = Console()
    for name in [what] if what else LISTS:
        headings, rows = LISTS[name]
        table = Table(*headings, title=name, title_justify="left", box=None, pad_edge=False)
        for row in rows():
            table.add_row(*map(escape, row))
        console.print(table, "")


def recipe_schema() -> dict[str, Any]:
    """Return the JSON Schema of recipe files, with every installed method's settings."""
    schema = Recipe.model_json_schema()
    definitions = schema["$defs"]
    common = definitions["MethodEntry"]["properties"]
    for name in door.names(door.OBJECTIVES):
        settings = door.settings_model(door.load_objective(name)).model_json_schema()
        definitions.update(settings.pop("$defs", {}))
        settings["properties"] = {
            **common,
            **settings["properties"],
            "name": {"const": name},
            "inner": {"anyOf": [{"$ref": "#/$defs/Method"}, {"type": "null"}]},
        }
        if "inner" not in door.settings_of(door.load_objective(name)):
            del settings["properties"]["inner"]
        definitions[f"method {name}"] = {**settings, "required": ["name"], "title": name}
    own = {"type": "string", "pattern": ":"}  # module:attribute, whose settings are not known
    stranger = {**definitions["MethodEntry"], "title": "module:attribute"}
    stranger["properties"] = {**common, "name": own}
    known = door.names(door.OBJECTIVES)
    definitions["Method"] = {
        "anyOf": [
            *({"const": name} for name in known),
            *({"$ref": f"#/$defs/method {name}"} for name in known),
            own,
            stranger,
        ]
    }
    matrix = definitions["Matrix"]["properties"]
    matrix["methods"]["items"] = {"$ref": "#/$defs/Method"}
    for kind in ("datasets", "models"):
        matrix[kind]["items"] = {"anyOf": [{"type": "string"}, matrix[kind]["items"]]}
    single = {**schema["properties"], **matrix}
    single.pop("parts")
    schema["properties"] = {**single, "parts": schema["properties"]["parts"]}
    schema["required"] = ["title"]
    definitions["Matrix"].pop("required", None)  # a part may leave keys to the recipe's top
    return schema


def print_schema() -> None:
    """Print the JSON Schema."""
    sys.stdout.write(json.dumps(recipe_schema(), indent=2) + "\n")
