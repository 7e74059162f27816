"""A part of a recipe from the command to the report, which never takes it for the whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import invoke

RECIPE = """\
title: Two tables
adapter: tabular
datasets: [{name: sklearn_iris, label: Iris}, {name: sklearn_wine, label: Wine}]
models: [{name: mlp, label: MLP, widths: [8]}]
methods: [{name: erm, label: ERM}, {name: mixup, label: Mixup}]
trials: 3
train: {epochs: 1, batch_size: 32}
"""
ROW = ("--only", "Iris", "--only", "ERM")
PART = "3 of its 12 cells (--only Iris --only ERM)"
EVALUATIONS = "evaluate: [nll, brier, {name: error, part: train}]\n"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe of which a row was run."""
    place = tmp_path_factory.mktemp("only")
    (place / "two.yaml").write_text(RECIPE)
    (place / "more.yaml").write_text(EVALUATIONS)
    done = invoke("run", place / "two.yaml", "--out", place / "row", *ROW)
    assert done.code == 0
    assert f"3 cells in {place / 'row'}\nonly a part of two: {PART}\n" in done.out
    return place


def remarks(out: Path) -> tuple[list[str], list[str]]:
    """Return a report's problems and its other remarks."""
    found = json.loads(invoke("report", out, "--json").out)
    return found["problems"], found["remarks"]


def results(out: Path) -> dict[str, str]:
    """Return every cell's result by its folder's name."""
    return {path.parent.name: path.read_text() for path in out.glob("cells/*/result.json")}


def test_plan_and_show_have_the_part_and_say_so(place: Path) -> None:
    plan = invoke("plan", place / "two.yaml", "--out", place / "row", *ROW).out.splitlines()
    assert [line.split()[0] for line in plan[:3]] == ["done"] * 3
    assert plan[3].startswith("3 cells in")
    assert plan[-1] == f"only a part of two: {PART}"
    show = invoke("show", place / "two.yaml", *ROW).out
    assert show.endswith(f"3 cells\nonly a part of two: {PART}\n")
    assert "Mixup" not in show
    (entry,) = json.loads(invoke("show", place / "two.yaml", *ROW, "--json").out)["recipes"]
    assert entry["part"] == {"words": ["Iris", "ERM"], "cells": [3, 12], "analyses": [0, 0]}
    run = ("run", place / "two.yaml", "--out", place / "row")
    assert json.loads(invoke(*run, *ROW, "--json").out)["only"] == ["Iris", "ERM"]


def test_the_report_misses_nothing_and_takes_no_part_for_the_whole(place: Path) -> None:
    problems, conditions = remarks(place / "row")
    assert problems == []
    assert f"Only a part of Two tables was asked for here: {PART}." in conditions
    page = (place / "row" / "report" / "report.md").read_text()
    assert "3 of 3 planned cells finished, of 12 that the recipe has." in page
    assert f"mixup-multi run two.yaml {' '.join(ROW)}" in page


def test_the_whole_goes_on_with_the_part(place: Path, tmp_path: Path) -> None:
    whole, recipe = tmp_path / "whole", place / "two.yaml"
    assert invoke("run", recipe, "--out", whole, *ROW, "--quiet").code == 0
    part = results(whole)
    assert invoke("run", recipe, "--out", whole, "--quiet").code == 0
    assert (len(part), len(results(whole))) == (3, 12)
    assert results(whole).items() >= part.items()  # the seconds, too: nothing was trained again
    problems, conditions = remarks(whole)
    assert problems == []
    assert not any("Only a part" in said for said in conditions)


@pytest.mark.parametrize("command", ["run", "plan", "show"])
def test_a_typo_is_one_line_and_exit_code_2(place: Path, command: str, tmp_path: Path) -> None:
    folder = () if command == "show" else ("--out", tmp_path / "out")
    done = invoke(command, place / "two.yaml", *folder, "--only", "Irirs")
    assert (done.code, done.out) == (2, "")
    assert "did you mean 'Iris'? Known data sets: Iris, Wine; models: MLP;" in done.err
    assert len(done.err.splitlines()) == 1
    assert not (tmp_path / "out").exists()


def test_evaluate_measures_what_is_asked_for(place: Path) -> None:
    asked = ("evaluate", place / "row", "--with", place / "more.yaml")
    unknown = invoke(*asked, "--only", "Wine")
    assert unknown.code == 2
    assert f"nothing in {place / 'row'} has this label or name" in unknown.err
    found = json.loads(invoke(*asked, "--only", "ERM", "--json").out)
    assert found["only"] == ["ERM"]
    assert found["folders"][0]["cells"] == 3


def test_evaluations_that_fail_alike_are_told_once(place: Path, tmp_path: Path) -> None:
    """Nine fail for one reason, that the data is gone: it is told once, and how often."""
    table, recipe, out = tmp_path / "a.csv", tmp_path / "own.yaml", tmp_path / "out"
    table.write_text("x,y\n" + "".join(f"{n % 7},{'ab'[n % 2]}\n" for n in range(40)))
    entry = f"{{name: file, label: Own, path: {table}, target: y}}"
    recipe.write_text(RECIPE.replace("{name: sklearn_wine, label: Wine}", entry))
    own = ("--only", "Own", "--only", "ERM")
    assert invoke("run", recipe, "--out", out, *own, "--quiet").code == 0
    table.unlink()
    done = invoke("evaluate", out, "--with", place / "more.yaml")
    assert done.code == 2
    told = [line for line in done.out.splitlines() if "failed" in line]
    assert len(told) == 2
    assert told[0].startswith("failed [1/9] Own / MLP / ERM, seed ")
    assert str(tmp_path) in told[0]
    assert told[1] == "failed 9 evaluations alike, the first is [1]; Own / MLP / ERM: 3 cells"
