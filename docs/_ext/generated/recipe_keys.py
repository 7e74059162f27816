"""The keys of recipes, and the settings of what they name, as tables made of the JSON Schema."""

from __future__ import annotations

import json
from typing import Any

from generated.markdown import code, table
from mixup_multi import door
from mixup_multi.cli.schema import described
from mixup_multi.engine.settings import Schedule, Train
from mixup_multi.recipe.meanings import meanings
from mixup_multi.recipe.schema import EvaluationList, Matrix, MethodEntry, Range, Recipe, Search

SECTIONS = {
    one.__name__: one
    for one in (Recipe, Matrix, MethodEntry, Train, Schedule, Search, Range, EvaluationList)
}
HEADINGS = ("key", "value", "default", "meaning")
LIMITS = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}


def section(name: str) -> str:
    """Return the keys of a section of recipes."""
    return table(HEADINGS, _rows(described(SECTIONS[name])))


def settings_table(maker: Any) -> str:
    """Return the settings of what is made by name; an empty text where it has none."""
    schema = described(door.settings_model(maker), meanings(maker))
    nested = door.nested_of(maker)
    parameters = door.settings_of(maker)
    rows = dict(zip(schema.get("properties", {}), _rows(schema), strict=True))
    for key, group in nested.items():
        kind, default = door.kind_of(group), parameters[key][1]
        page = group.rpartition(".")[2].replace("objectives", "methods")
        link = f"[{kind}](/reference/{page}.md)"
        shown = "required" if default is not None else "`null`"
        rows[key] = (code(key), link, shown, meanings(maker).get(key, ""))
    return table(HEADINGS, (rows[key] for key in parameters))


def _rows(schema: dict[str, Any]) -> list[tuple[str, ...]]:
    required = schema.get("required", ())
    return [
        (
            code(key),
            value_of(one),
            "required" if key in required else _default(one),
            one.get("description", ""),
        )
        for key, one in schema.get("properties", {}).items()
    ]


def _default(one: dict[str, Any]) -> str:
    value = json.dumps(one.get("default"))
    return "see there" if value.startswith("{") else code(value)


def value_of(one: dict[str, Any]) -> str:
    """Return what a value may be, in words."""
    if "$ref" in one:
        name = one["$ref"].rpartition("/")[2]
        link = f"[section `{name}`](/reference/recipe.md)"
        return link if name in SECTIONS else "name or mapping"
    if "anyOf" in one or "oneOf" in one:
        options = (value_of(each) for each in one.get("anyOf", one.get("oneOf")))
        return " or ".join(dict.fromkeys(options))
    if "enum" in one:
        return ", ".join(map(code, one["enum"]))
    if "const" in one:
        return code(one["const"])
    return _typed(one)


def _typed(one: dict[str, Any]) -> str:
    kind = one.get("type", "any value")
    if kind == "array":
        inner = one.get("items", {})
        return f"list of {value_of(inner)}" if inner else "list"
    if kind == "object":
        values = one.get("additionalProperties")
        return f"mapping to {value_of(values)}" if isinstance(values, dict) else "mapping"
    limits = (f"{sign} {one[key]}" for key, sign in LIMITS.items() if key in one)
    return " ".join([{"null": "`null`", "boolean": "`true`, `false`"}.get(kind, kind), *limits])
