"""Every shipped recipe parses, expands, tells its story and covers the paper's grid."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from mixup_multi import door
from mixup_multi.cli.plan import plan
from mixup_multi.cli.schema import recipe_schema
from mixup_multi.recipe.expand import evaluations_of
from mixup_multi.recipe.load import (
    Document,
    find_evaluations,
    shipped_evaluations,
    shipped_recipes,
)
from mixup_multi.recipe.schema import EvaluationList
from mixup_multi.report.paper import published, tables

RECIPES = shipped_recipes()
PAPER = Path(__file__).parents[2] / "mixup_multi" / "report" / "paper"


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_expands_and_tells_its_story(name: str) -> None:
    (planned,) = plan([name], [])
    assert planned.cells or planned.analyses
    header = RECIPES[name].read_text().partition("\ntitle:")[0]
    assert header.startswith("# ")
    assert f"mixup-multi run {name}" in header
    if any(part.paper for part in planned.recipe.parts):
        assert "Published" in header
        assert "Ours" in header


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_satisfies_the_schema_that_editors_get(name: str) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.validate(_plain(Document(RECIPES[name]).content), recipe_schema())


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return float(value)
    return value


@pytest.mark.parametrize(
    "table", ["mixupe_images", "mixupe_tabular", "mixupe_speech", "mixupe_graphs"]
)
def test_every_row_of_the_grid_has_a_recipe(table: str) -> None:
    shown = set()
    for name in RECIPES:
        (planned,) = plan([name], [])
        for cell in planned.cells:
            if cell.paper == table:
                found = published(table, cell.dataset.label, cell.model.label, cell.method.label)
                if found is not None:
                    shown.add((found.value, found.std))
    with (PAPER / f"{table}.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {(float(row["value"]), float(row["std"])) for row in rows} == shown
    assert len(rows) >= 9


def test_every_packaged_table_is_readable() -> None:
    assert len(tables()) == 13
    value = published("mixupe_images", "CIFAR-100", "WRN-28-10", "MixupE")
    assert value is not None
    assert (value.value, value.std) == (17.12, 0.111)
    assert published("mixupe_images", "CIFAR-100", "LeNet", "MixupE") is None


def test_the_schema_knows_every_method_and_its_settings() -> None:
    definitions = recipe_schema()["$defs"]
    for name in door.names(door.OBJECTIVES):
        assert "erm_epochs" in definitions[f"objective {name}"]["properties"]
    assert {"alpha", "eta", "form", "inner"} <= set(definitions["objective mixupe"]["properties"])


@pytest.mark.parametrize(
    ("method", "good"),
    [
        ("mixup", True),
        ("mixpu", False),
        ({"name": "mixup", "alpha": 0.2, "erm_epochs": 3}, True),
        ({"name": "mixup", "alpah": 0.2}, False),
        ({"name": "mixup", "alpha": "much"}, False),
        ({"name": "mixupe", "inner": {"name": "cutmix", "alpha": 1.0}}, True),
        ({"name": "mixupe", "inner": {"name": "cutmix", "alhpa": 1.0}}, False),
        ({"name": "mine:Method", "sigma": 1}, True),
        ("mine:Method", True),
    ],
)
def test_the_schema_finds_what_the_reader_finds(method: object, good: bool) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    recipe = {
        "title": "t",
        "adapter": "tabular",
        "datasets": ["sklearn_iris"],
        "models": ["mlp"],
        "methods": [method],
    }
    errors = list(jsonschema.Draft202012Validator(recipe_schema()).iter_errors(recipe))
    assert (not errors) == good, errors


@pytest.mark.parametrize("name", sorted(shipped_evaluations()))
def test_a_shipped_list_of_evaluations_can_be_read(name: str) -> None:
    content = _plain(Document(find_evaluations(name)).content)
    choices = evaluations_of(EvaluationList.model_validate_json(json.dumps(content)).evaluate, str)
    assert len(choices) > 3
    for choice in choices:
        assert door.make(door.EVALUATIONS, {"name": choice.name, **choice.settings})
