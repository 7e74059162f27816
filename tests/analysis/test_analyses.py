"""Every registered analysis: its numbers are plain and repeat, and its figure needs no more."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from mixup_multi import door
from mixup_multi.analysis import Analysis, Found
from mixup_multi.drawing import drawn, drawn_png
from mixup_multi.errors import PointError, SettingError

SMALL = {"steps": 12, "records": 4}
TRAINED = {"train": {"epochs": 2, "batch_size": 32}}
MOONS = {"dataset": {"name": "two_moons", "n": 20}}
IRIS = {"adapter": "tabular", "dataset": {"name": "sklearn_iris"}}
CASES: list[dict[str, Any]] = [
    {"name": "taylor", **SMALL, **MOONS},
    {"name": "taylor", **SMALL, **IRIS, "rows": 12},
    {"name": "taylor", **SMALL, **MOONS, "model": "network", "activation": "tanh"},
    {"name": "taylor", **SMALL, **MOONS, "method": {"name": "mixupe_exact"}},
    {"name": "adversarial_bound", **SMALL},
    {"name": "adversarial_bound", **SMALL, **MOONS, "model": "network"},
    {"name": "implicit_bias", **SMALL},
    {"name": "q_approximation", **IRIS, "model": {"name": "mlp"}, **TRAINED, "trials": 2},
    {"name": "decision_surface", **MOONS, **TRAINED, "grid": 5, "widths": [4]},
]


def resolved(entry: dict[str, Any]) -> dict[str, Any]:
    settings = {key: value for key, value in entry.items() if key != "name"}
    maker = door.load_maker(door.ANALYSES, entry["name"])
    return {"name": entry["name"], **door.check_settings(maker, settings)}


def made(entry: dict[str, Any]) -> Analysis:
    analysis: Analysis = door.make(door.ANALYSES, resolved(entry))
    return analysis


def computed(entry: dict[str, Any]) -> Found:
    return made(entry).compute(Path("nowhere"), torch.device("cpu"))


def test_every_analysis_has_a_case() -> None:
    assert {case["name"] for case in CASES} == set(door.names(door.ANALYSES))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_the_contract(case: dict[str, Any]) -> None:
    found = computed(case)
    assert found.values
    assert all(np.isfinite(value) for value in found.values.values())
    assert {len(row) for row in found.rows} == {len(found.headings)}
    state = torch.get_rng_state()
    again = computed(case)
    assert again.csv() == found.csv()  # everything is drawn from the seed
    if case["name"] not in ("q_approximation", "decision_surface"):  # those train by the engine
        assert torch.equal(torch.get_rng_state(), state)
    analysis = made(case)
    svg = drawn(*analysis.size, lambda figure: analysis.draw(found, figure))
    assert svg.startswith("<svg")
    assert svg == drawn(*analysis.size, lambda figure: analysis.draw(found, figure))
    assert drawn_png(*analysis.size, lambda figure: analysis.draw(found, figure))[:4] == b"\x89PNG"
    assert len(analysis.caption) > 80
    with pytest.raises(FrozenInstanceError):
        analysis.seed = 1  # type: ignore[attr-defined]


def test_sections_of_a_recipe_become_what_they_are() -> None:
    from mixup_multi.engine.settings import Train
    from mixup_multi.recipe.schema import Entry

    analysis: Any = made(CASES[-2])
    assert analysis.train == Train(epochs=2, batch_size=32)
    assert analysis.dataset == Entry(name="sklearn_iris")
    surface: Any = made({"name": "decision_surface", "methods": [{"name": "erm"}, "cutmix"]})
    assert [method.name for method in surface.methods] == ["erm", "cutmix"]


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"name": "taylor", "alpha": 0.0}, "alpha is 0.0: expected a number > 0"),
        ({"name": "taylor", "rows": 1}, "rows is 1: expected 2 or more"),
        ({"name": "taylor", "dataset": {"name": "moons"}}, "no toy 'moons'"),
        ({"name": "taylor", "dataset": {"name": "two_moons", "m": 3}}, "unknown setting 'm'"),
        ({"name": "taylor", "adapter": "tabluar"}, "did you mean 'tabular'"),
        ({"name": "implicit_bias", "n": 5}, "expected an even number"),
        ({"name": "decision_surface", "methods": []}, "methods is empty"),
        ({"name": "decision_surface", "methods": [{"name": "mixpu"}]}, "did you mean 'mixup'"),
        ({"name": "decision_surface", "methods": ["erm", "erm"]}, "have one label"),
        ({"name": "q_approximation", **IRIS, "model": {"name": "mpl"}}, "no model 'mpl'"),
        ({"name": "q_approximation", **IRIS, "model": {"name": "mlp", "w": 1}}, "setting 'w'"),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_computed(
    entry: dict[str, Any], said: str
) -> None:
    with pytest.raises(SettingError, match=said):
        made(entry)


def test_the_bound_is_of_two_classes() -> None:
    with pytest.raises(SettingError, match="3 classes: the bound is of two"):
        computed({"name": "adversarial_bound", **IRIS})


def test_a_method_is_checked_against_the_model() -> None:
    entry = {"name": "taylor", **SMALL, **MOONS, "method": {"name": "mixup", "points": "head"}}
    with pytest.raises(PointError, match="'head', which this model does not offer"):
        computed(entry)


def test_inputs_have_to_be_one_tensor() -> None:
    entry = {"name": "taylor", "adapter": "graphs", "dataset": {"name": "motifs", "graphs": 40}}
    with pytest.raises(SettingError, match="expected numbers in one tensor"):
        computed(entry)
