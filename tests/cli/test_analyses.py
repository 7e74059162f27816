"""Recipes with analyses, from the file to the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import invoke

from mixup_multi.cli.schema import recipe_schema
from mixup_multi.recipe.load import load_recipe
from mixup_multi.recipe.schema import Recipe

ALONE = """\
title: the expansion
source: a paper
analyses:
  - {name: taylor, label: "a & <b>", steps: 6, records: 3, dataset: {name: two_moons, n: 12}}
"""
BESIDE = """\
title: both
adapter: tabular
datasets: [sklearn_iris]
models: [logistic]
methods: [erm]
train: {epochs: 1}
analyses: [{name: implicit_bias, steps: 6, records: 3}]
"""


def write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_a_recipe_of_analyses_alone(tmp_path: Path) -> None:
    recipe, out = write(tmp_path / "a.yaml", ALONE), tmp_path / "out"
    assert "to do   analysis a & <b>" in invoke("plan", recipe, "--out", out).out
    done = invoke("run", recipe, "--out", out)
    assert done.code == 0, done.out + done.err
    assert "1 of 1 analyses" in done.out
    assert not (out / "cells").exists()
    (folder,) = (out / "analyses").iterdir()
    before = (folder / "analysis.json").read_bytes()
    again = invoke("run", recipe, "--out", out)
    assert "1 of 1 analyses" in again.out
    assert "[1/1]" not in again.out
    assert (folder / "analysis.json").read_bytes() == before
    assert "done    analysis a & <b>" in invoke("plan", recipe, "--out", out).out
    document = json.loads(invoke("plan", recipe, "--out", out, "--json").out)
    assert document["analyses"] == [{"analysis": "a & <b>", "state": "done"}]
    assert "0 cells, 1 analyses" in invoke("show", recipe).out


def test_its_report(tmp_path: Path) -> None:
    recipe, out = write(tmp_path / "a.yaml", ALONE), tmp_path / "out"
    assert invoke("run", recipe, "--out", out).code == 0
    done = invoke("report", out)
    assert done.code == 0, done.out + done.err
    assert "problem" not in done.out
    text = (out / "report" / "report.md").read_text()
    assert "1 of 1 analyses made" in text
    (folder,) = (out / "analyses").iterdir()
    assert f"(../analyses/{folder.name}/figure.png)" in text
    assert "largest relative error" in text
    page = (out / "report" / "index.html").read_text()
    assert "a &amp; &lt;b&gt;" in page
    assert "<b>" not in page
    assert "Mixup loss and its expansion" in page  # the figure's text stays text
    (folder / "figure.png").unlink()
    assert invoke("report", out).code == 2  # nothing is left to report of


def test_beside_cells(tmp_path: Path) -> None:
    recipe, out = write(tmp_path / "b.yaml", BESIDE), tmp_path / "out"
    done = invoke("run", recipe, "--out", out)
    assert done.code == 0, done.out + done.err
    assert len(list((out / "cells").iterdir())) == len(list((out / "analyses").iterdir())) == 1
    (folder,) = (out / "analyses").iterdir()
    (folder / "values.csv").write_text("")
    assert invoke("report", out).code == 0
    text = (out / "report" / "report.md").read_text()
    assert "1 planned analysis is not made" in text
    assert "1 of 1 planned cells finished; 0 of 1 analyses made" in text


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("taylor", "taylr", "a.yaml:4: analysis 'taylr': there is no analysis 'taylr'; did you"),
        ("steps", "stesp", "a.yaml:4: analysis 'taylor': unknown setting 'stesp'; did you"),
        ("steps: 6", "steps: much", "a.yaml:4: analysis 'taylor': steps is 'much'"),
        ("steps: 6", "steps: 0", "a.yaml:4: analysis 'taylor': steps is 0: expected 1 or more"),
        ("two_moons", "two_mons", "no toy 'two_mons'; did you mean 'two_moons'"),
        ("source: a paper", "parts: []\nadapter: tabular", "a.yaml:2: parts is []: expected"),
        ("source: a paper", "adapter: tabular", "datasets: this setting is missing"),
        ("analyses:", "analysis:", "unknown key 'analysis'; did you mean 'analyses'"),
    ],
)
def test_a_wrong_recipe_is_one_line(tmp_path: Path, old: str, new: str, said: str) -> None:
    recipe = write(tmp_path / "a.yaml", ALONE.replace(old, new, 1))
    done = invoke("run", recipe, "--out", tmp_path / "out")
    assert done.code == 2
    assert said in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "out").exists()


def test_one_label_for_two(tmp_path: Path) -> None:
    text = "title: t\nanalyses: [implicit_bias, {name: implicit_bias, seed: 1}]\n"
    done = invoke("run", write(tmp_path / "a.yaml", text))
    assert done.code == 2
    assert "two analyses are both shown as 'implicit_bias'" in done.err


def test_data_that_is_missing(tmp_path: Path) -> None:
    text = (
        "title: t\nanalyses: [{name: taylor, adapter: tabular, dataset: {name: openml, id: 61}}]\n"
    )
    recipe, out = write(tmp_path / "a.yaml", text), tmp_path / "out"
    done = invoke("run", recipe, "--out", out, "--data", tmp_path / "nowhere")
    assert done.code == 2
    assert "data fetch openml" in done.out
    left = invoke("run", recipe, "--out", out, "--data", tmp_path / "nowhere", "--skip-missing")
    assert left.code == 0
    assert "left out" in left.out
    assert "0 of 1 analyses" in left.out


def test_it_comes_back_from_json_and_fits_the_schema(tmp_path: Path) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    for text in (ALONE, BESIDE):
        document, recipe = load_recipe(str(write(tmp_path / "a.yaml", text)))
        assert Recipe.model_validate_json(recipe.model_dump_json()) == recipe
        jsonschema.validate(json.loads(json.dumps(document.content)), recipe_schema())
    wrong = {"title": "t", "analyses": [{"name": "taylor", "stesp": 3}]}
    assert list(jsonschema.Draft202012Validator(recipe_schema()).iter_errors(wrong))


def test_the_report_keeps_the_recipes_order(tmp_path: Path) -> None:
    entries = "".join(
        f"  - {{name: implicit_bias, label: {label}, steps: 2, records: 2, seed: {seed}}}\n"
        for seed, label in enumerate("zayb")
    )
    recipe, out = write(tmp_path / "a.yaml", f"title: t\nanalyses:\n{entries}"), tmp_path / "out"
    assert invoke("run", recipe, "--out", out).code == 0
    assert invoke("report", out).code == 0
    text = (out / "report" / "report.md").read_text()
    headings = [line for line in text.splitlines() if line.startswith("### ")]
    shown = [line[4] for line in headings if "implicit\\_bias" in line]
    assert shown == list("zayb")
    assert "Of 4 planned analyses none is absent" in text
