"""What was asked for stands at the top, and what of it never ran is a problem."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mixup_multi.grid.folder.sealed_json import write_json
from mixup_multi.grid.recipes import keep_recipe, kept_recipes
from mixup_multi.recipe.expand import cells_of
from mixup_multi.recipe.only import Part
from mixup_multi.recipe.schema import Recipe
from mixup_multi.report.build import Report, build_report
from mixup_multi.report.markdown import markdown
from mixup_multi.report.page import page

Make = Callable[[str], Any]
EVIL = "</pre><script>alert(1)</script> ```` *x*"


def report(folder: Any) -> Report:
    return build_report(folder.path, paper=False, pictures=False)


def texts(found: Report) -> str:
    return " ".join(remark.text for remark in found.remarks)


def test_planned_cells_that_never_ran_are_a_problem(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    absent = {f"k{seed}": f"Volkert / MLP / ERM, seed {seed}" for seed in range(3)}
    found = report(folder.ask({**folder.planned(), **absent}))
    problem = found.remarks[0]
    assert problem.kind == "problem"
    assert "3 planned cells never ran" in problem.text
    assert problem.details == ("Volkert / MLP / ERM: 3 cells",)
    assert found.recipes[0].progress == "27 of 30 planned cells finished"


def test_failed_cells_have_run(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    folder.add(folder.record("Iris", "ERM", 3), None, failure={"message": "nan"})
    found = report(folder.ask(folder.planned()))
    assert "never ran" not in texts(found)
    assert "1 cell failed" in texts(found)
    assert "none that its recipes planned is absent" not in texts(found)
    assert found.recipes[0].progress == "27 of 28 planned cells finished"


def test_when_all_has_run_it_says_so(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    found = report(folder.ask(folder.planned()))
    assert "All 27 cells of this folder finished, and none that its recipes planned" in texts(found)
    assert not any(remark.kind == "problem" for remark in found.remarks)


def test_a_method_that_was_not_planned_in_a_row_is_no_gap_there(new_folder: Make) -> None:
    errors = {"Iris": {"ERM": [1.0, 2.0], "Mixup": [1.0]}, "CMC": {"ERM": [4.0]}}
    folder = new_folder("out").grid(errors)
    (gaps,) = (r for r in report(folder.ask(folder.planned())).remarks if "same trials" in r.text)
    assert gaps.details == ("Iris / MLP / Mixup: 1 of 2 trials, 1 missing",)


def test_what_is_unknown_of_the_plan_is_said(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    assert "No recipe is kept" in texts(report(folder))
    folder.ask({"a": "Other / MLP / ERM, seed 0"}, title="Other")
    found = report(folder)
    assert "27 cells in the tables are of no recipe" in texts(found)
    idle = next(r for r in found.remarks if "of which nothing ran" in r.text)
    assert idle.details == ("Other (mixup-multi run tables.yaml --set trials=3)",)
    (folder.path / "recipes" / "tables-0.json").write_text("{")
    problem = report(folder).remarks[0]
    assert problem.kind == "problem"
    assert "tables-0.json" in problem.details[0]


def test_analyses_of_which_none_was_begun_are_a_plan_of_which_nothing_ran(new_folder: Make) -> None:
    """As where a recipe was changed before it ran again: its older plan is no problem."""
    folder = new_folder("out").grid()
    folder.ask(folder.planned()).ask({}, title="Surfaces", analyses={"surface-1": "Two moons"})
    found = report(folder)
    assert not any(remark.kind == "problem" for remark in found.remarks)
    idle = next(r for r in found.remarks if "of which nothing ran" in r.text)
    assert idle.details == ("Surfaces (mixup-multi run tables.yaml --set trials=3)",)


def test_planned_analyses_that_failed_or_never_began_are_a_problem(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    failed = folder.path / "analyses" / "surface-1"
    failed.mkdir(parents=True)
    write_json(failed / "failure.json", {"message": "ValueError: no points"})
    analyses = {"surface-1": "Two moons", "surface-2": "Spirals"}
    folder.ask(folder.planned()).ask({}, title="Surfaces", analyses=analyses)
    problem = report(folder).remarks[0]
    assert problem.kind == "problem"
    assert problem.text.startswith("2 planned analyses are not made")
    assert "forgotten when its file in the folder recipes is removed" in problem.text
    assert problem.details == ("Two moons: ValueError: no points", "Spirals: it never began")
    (failed / "failure.json").unlink()
    details = report(folder).remarks[0].details
    assert details[0] == "Two moons: it was interrupted, or its files have been changed"


def test_many_details_of_one_kind_are_told_by_coarser_places(new_folder: Make) -> None:
    """Method by method these would be 26 lines, and cell by cell 52."""
    labels = [f"Table {n:02}" for n in range(13)]
    absent = {
        f"{label}{method}{seed}": f"{label} / MLP / {method}, seed {seed}"
        for label in labels
        for method in ("ERM", "Mixup")
        for seed in range(2)
    }
    folder = new_folder("out").grid()
    few = dict(list(absent.items())[:48])
    never = report(folder.ask({**folder.planned(), **few})).remarks[0]
    assert never.details == tuple(f"{label} / MLP: 4 cells" for label in labels[:12])
    never = report(folder.ask({**folder.planned(), **absent})).remarks[0]
    assert never.details == tuple(f"{label}: 4 cells" for label in labels)


def test_many_failures_are_told_by_place_with_a_reason(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    for seed in range(10, 17):
        for method, why in (("ERM", "no memory"), ("Mixup", f"nan in epoch {seed}")):
            folder.add(folder.record("Iris", method, seed), None, failure={"message": why})
    (failed,) = (one for one in report(folder).remarks if "14 cells failed" in one.text)
    assert sorted(failed.details)[0] == "Iris / MLP / ERM: 7 cells; no memory"
    assert sorted(failed.details)[1].startswith("Iris / MLP / Mixup: 7 cells; the first: nan in")
    assert len(failed.details) == 2


PART = {"words": ["Iris", "Letter", "CMC"], "cells": [27, 30], "analyses": [0, 0]}


def test_a_part_of_a_recipe_is_a_condition_until_the_whole_is_asked_for(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    found = report(folder.ask(folder.planned(), part=PART))
    assert not any(remark.kind == "problem" for remark in found.remarks)
    said = "Only a part of Three tables was asked for here: 27 of its 30 cells (--only Iris"
    assert said in texts(found)
    assert found.recipes[0].progress == "27 of 27 planned cells finished, of 30 that the recipe has"
    found = report(folder.ask({**folder.planned(), "k": "Volkert / MLP / ERM, seed 0"}))
    assert "Only a part" not in texts(found)
    assert "1 planned cell never ran" in texts(found)


def test_another_recipes_whole_is_not_a_parts(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    folder.ask(folder.planned(), part=PART).ask(folder.planned(), text="title: another\n")
    assert "Only a part of Three tables" in texts(report(folder))


def test_one_recipe_under_two_commands_is_told_once(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    folder.ask(folder.planned()).ask(folder.planned(), command="mixup-multi run tables --jobs 2")
    (story,) = report(folder).recipes
    assert story.commands[1] == "mixup-multi run tables --jobs 2"


def test_hostile_recipes_stay_text(new_folder: Make) -> None:
    hostile = dict.fromkeys(("title", "source", "command", "text"), EVIL)
    folder = new_folder("out").grid()
    found = report(folder.ask(folder.planned(), notes=[EVIL], **hostile))
    html = page(found)
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)") >= 5
    lines = markdown(found).splitlines()
    fences = [number for number, line in enumerate(lines) if set(line) == {"`"}]
    outside = [line for line in lines if "<script" in line]
    assert [len(lines[number]) for number in fences] == [5] * 4
    assert [lines.index(EVIL), len(outside)] == [fences[0] + 1, 2]  # only inside the fences


def test_the_same_run_again_leaves_the_same_file(tmp_path: Path) -> None:
    part = {"adapter": "tabular", "datasets": ["sklearn_iris"], "models": ["mlp"]}
    content = {"title": "t", "notes": ["n"], "parts": [{**part, "methods": ["erm"]}]}
    recipe = Recipe.model_validate_json(json.dumps(content))
    cells = cells_of(recipe)
    for command in ("run", "run", "run --jobs 2"):
        keep_recipe(tmp_path, "small", recipe, cells, command, "title: t")
    kept, damaged = kept_recipes(tmp_path)
    assert sorted(one.command for one in kept) == ["run", "run --jobs 2"]
    assert damaged == []
    assert kept[0].cells == {cells[0].key: cells[0].title}
    assert (kept[0].title, kept[0].notes, kept[0].text) == ("t", ("n",), "title: t")


def test_a_part_is_kept_with_what_was_asked_for(tmp_path: Path) -> None:
    recipe = Recipe.model_validate_json('{"title": "t"}')
    part = Part(("Iris", "a b"), (1, 4), (0, 2))
    keep_recipe(tmp_path, "small", recipe, [], "run", "title: t", part=part)
    ((kept,), damaged) = kept_recipes(tmp_path)
    assert (kept.part, damaged) == (part, [])
    assert str(part) == "1 of its 4 cells and 0 of its 2 analyses (--only Iris --only 'a b')"
