"""`mixup-multi schema`: the JSON Schema of recipes, with all that is installed, for editors."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from mixup_multi import door
from mixup_multi.engine.settings import Schedule, Train
from mixup_multi.recipe.meanings import meanings
from mixup_multi.recipe.schema import Matrix, Range, Recipe, Search

Schema = dict[str, Any]
ENTRIES = {door.OBJECTIVES: "MethodEntry", door.EVALUATIONS: "Entry", door.ANALYSES: "Entry"}
"""The keys, beside settings, of what stands in a list of a recipe, by entry-point group."""
SECTIONS = (Matrix, Train, Schedule, Search, Range)


def print_schema() -> None:
    """Print the JSON Schema."""
    sys.stdout.write(json.dumps(recipe_schema(), indent=2) + "\n")


def recipe_schema() -> Schema:
    """Return the JSON Schema of recipe files, with the settings of everything made by name."""
    schema = described(Recipe)
    definitions = schema["$defs"]
    matrix = definitions["Matrix"]["properties"]
    for group in door.MADE:
        own = ENTRIES.get(group)
        common = {} if own is None else definitions[own]["properties"]
        definitions.update(_group(group, common))
    for section in SECTIONS:
        _describe(definitions[section.__name__], meanings(section))
    matrix["methods"]["items"] = _reference(door.OBJECTIVES)
    matrix["evaluate"]["items"] = _reference(door.EVALUATIONS)
    schema["properties"]["analyses"]["items"] = _reference(door.ANALYSES)
    for kind in ("datasets", "models"):
        matrix[kind]["items"] = {"anyOf": [{"type": "string"}, matrix[kind]["items"]]}
    single = {**schema["properties"], **matrix}
    single.pop("parts")
    schema["properties"] = {**single, "parts": schema["properties"]["parts"]}
    schema["required"] = ["title"]
    definitions["Matrix"].pop("required", None)  # a part may leave keys to the recipe's top
    return schema


def described(model: type[BaseModel], said: Mapping[str, str] | None = None) -> Schema:
    """Return a model's JSON Schema, with what is said of its keys: by default by its docstring."""
    schema = model.model_json_schema()
    _describe(schema, meanings(model) if said is None else said)
    return schema


def _describe(schema: Schema, said: Mapping[str, str]) -> None:
    for key, value in schema.get("properties", {}).items():
        if key in said:
            value["description"] = said[key]


def _group(group: str, common: Schema) -> Schema:
    """Return the definitions of a group's members, and of any one of them."""
    kind, known = door.kind_of(group), door.names(group)
    definitions: Schema = {}
    for name in known:
        definitions.update(_member(group, name, common))
    own = {"type": "string", "pattern": ":"}  # module:attribute, whose settings are not known
    stranger = {
        "type": "object",
        "title": "module:attribute",
        "properties": {**common, "name": own},
        "required": ["name"],
        "additionalProperties": True,
    }
    definitions[f"any {kind}"] = {
        "anyOf": [
            *({"const": name} for name in known),
            *({"$ref": f"#/$defs/{kind} {name}"} for name in known),
            own,
            stranger,
        ]
    }
    return definitions


def _member(group: str, name: str, common: Schema) -> Schema:
    factory = door.load_maker(group, name)
    said = meanings(factory)
    settings = described(door.settings_model(factory), said)
    definitions: Schema = settings.pop("$defs", {})
    nested: Schema = {
        key: {"anyOf": [_reference(inner), {"type": "null"}]}
        for key, inner in door.nested_of(factory).items()
    }
    _describe({"properties": nested}, said)
    settings["properties"] = {
        **common,
        **settings.get("properties", {}),
        **nested,
        "name": {"const": name},
    }
    required = ["name", *settings.get("required", ())]
    definitions[f"{door.kind_of(group)} {name}"] = {
        **settings,
        "required": required,
        "title": name,
    }
    return definitions


def _reference(group: str) -> Schema:
    return {"$ref": f"#/$defs/any {door.kind_of(group)}"}
