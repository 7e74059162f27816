"""Evaluations of trained cells: made once, kept with the weights that they are of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from command_line import invoke

from mixup_multi.cli.evaluate import _spread
from mixup_multi.engine.sealed import load_sealed, save_sealed
from mixup_multi.grid.evaluate import evaluate, known, missing, stored
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.recipe.cell import Cell
from mixup_multi.recipe.expand import cells_of
from mixup_multi.recipe.load import load_recipe

RECIPE = """\
title: evaluated
adapter: tabular
datasets: [sklearn_iris]
models: [{name: mlp, widths: [16]}]
methods: [erm, {name: mixup, alpha: 0.4}]
train: {epochs: 3, batch_size: 32}
evaluate:
  - {name: error, label: clean}
  - {name: error, label: PGD, attack: {name: pgd, point: hidden1, eps: 1.0, step: 0.25}}
"""
MORE = "evaluate: [{name: error, label: train part, part: train}, {name: error, label: plain}]\n"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An output folder whose two cells are trained and evaluated."""
    (tmp_path / "evaluated.yaml").write_text(RECIPE)
    done = invoke("run", tmp_path / "evaluated.yaml", "--out", tmp_path / "out")
    assert done.code == 0, done.out + done.err
    assert "Evaluations of the last epoch's weights" in done.out
    return tmp_path / "out"


@pytest.fixture
def cells(out: Path) -> Sequence[Cell]:
    return cells_of(load_recipe(str(out.parent / "evaluated.yaml"))[1])


def files(out: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in out.glob("cells/*/evaluations/*.json")}


def test_every_evaluation_is_kept_and_made_once(out: Path, cells: Sequence[Cell]) -> None:
    before = files(out)
    assert len(before) == 4
    for cell in cells:
        assert not missing(cell, out)
        made = {asked.choice.label: asked.record for asked in known(cell, out)}
        result = CellFolder.of(out, cell).read_json("result")
        assert result is not None
        assert made["clean"] is not None
        assert made["clean"]["values"] == {"error": result["test_error"], "rows": 30.0}
    again = invoke("run", out.parent / "evaluated.yaml", "--out", out)
    assert again.code == 0
    assert "PGD %" in again.out
    assert files(out) == before


def test_a_label_is_no_part_of_what_is_measured(out: Path) -> None:
    before = files(out)
    (out.parent / "more.yaml").write_text(MORE)
    done = invoke("evaluate", out, "--with", out.parent / "more.yaml")
    assert done.code == 0, done.err
    assert "train part %" in done.out
    assert "plain %" in done.out
    after = files(out)
    assert {path: after[path] for path in before} == before
    assert len(after) == 6  # `plain` is `clean`


def test_other_weights_are_measured_anew(out: Path, cells: Sequence[Cell]) -> None:
    folder = CellFolder.of(out, cells[0])
    content = load_sealed(folder.checkpoint)
    content["model"] = {name: torch.zeros_like(w) for name, w in content["model"].items()}
    save_sealed(content, folder.checkpoint)
    assert not stored(folder)
    assert [choice.label for choice in missing(cells[0], out)] == ["clean", "PGD"]
    asked = list(evaluate(cells, Site(Path(), out, torch.device("cpu"))))
    assert [(one.cell.key, one.choice.label) for one in asked] == [
        (cells[0].key, "clean"),
        (cells[0].key, "PGD"),
    ]
    assert asked[0].record is not None
    assert asked[0].record["values"]["error"] == pytest.approx(100 * 2 / 3)


def test_a_damaged_file_is_made_again(out: Path) -> None:
    path = next(iter(files(out)))
    text = path.read_text()
    path.write_text(text.replace('"seconds": ', '"seconds": 1'))
    assert invoke("run", out.parent / "evaluated.yaml", "--out", out).code == 0
    assert json.loads(path.read_text())["values"] == json.loads(text)["values"]


def test_a_failure_is_told_kept_and_stops_nothing_else(out: Path, cells: Sequence[Cell]) -> None:
    recipe = out.parent / "evaluated.yaml"
    recipe.write_text(RECIPE.replace("{name: error, label: clean}", "{name: error, part: train}"))
    CellFolder.of(out, cells[0]).checkpoint.unlink()
    done = invoke("run", recipe, "--out", out)
    assert done.code == 2
    assert "has no checkpoint, only what the model said" in done.out
    assert "1 evaluation failed" in done.out
    kept = list(out.glob("cells/*/evaluations/*.failure.json"))
    assert len(kept) == 1
    assert all("OutputError" in json.loads(path.read_text())["traceback"] for path in kept)
    assert len(known(cells[1], out)) == 2


def test_evaluations_decide_nothing_of_the_training(out: Path, cells: Sequence[Cell]) -> None:
    plain = [replace(cell, evaluations=()) for cell in cells]
    assert [cell.key for cell in plain] == [cell.key for cell in cells]
    records = [CellFolder.of(out, cell).read_json("cell") for cell in cells]
    assert all(record is not None and "evaluations" not in record for record in records)
    again = [Cell.of_record(record) for record in records if record is not None]
    assert [cell.key for cell in again] == [cell.key for cell in cells]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: error, label: clean", "name: eror", "did you mean 'error'"),
        ("label: clean", "label: PGD", "both shown as 'PGD'"),
        ("eps: 1.0", "epss: 1.0", "did you mean 'eps'"),
        ("name: pgd,", "name: pdg,", "did you mean 'pgd'"),
        ("eps: 1.0", "eps: -1.0", "expected a number >= 0"),
        ("eps: 1.0", "eps: 8/O", "fraction such as 8/255"),
        ("point: hidden1", "point: hiden1", "did you mean 'hidden1'"),
        ("part: train", "part: validation", "has no part 'validation'"),
    ],
)
def test_a_mistake_is_told_before_any_training(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    text = RECIPE.replace("label: PGD,", "label: PGD, part: train,")
    (tmp_path / "wrong.yaml").write_text(text.replace(old, new))
    done = invoke("run", tmp_path / "wrong.yaml", "--out", tmp_path / "out")
    assert done.code == 2
    assert said in done.err
    assert "wrong.yaml:" in done.err
    assert not list(tmp_path.glob("out/cells/*/result.json"))


def test_folders_and_files_that_are_none_are_told(out: Path, tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(MORE)
    (tmp_path / "none.yaml").write_text("title: nothing\n")
    empty = invoke("evaluate", tmp_path / "nowhere", "--with", tmp_path / "more.yaml")
    assert (empty.code, "holds no cell that is done" in empty.err) == (2, True)
    without = invoke("evaluate", out, "--with", tmp_path / "none.yaml")
    assert (without.code, "evaluate: this setting is missing" in without.err) == (2, True)


def test_the_report_has_a_table_of_them(out: Path) -> None:
    assert invoke("report", out).code == 0
    text = (out / "report" / "report.md").read_text()
    assert "### Evaluations" in text
    assert "| Data set | Model | Method | n | clean % | PGD % |" in text
    assert "attack pgd (eps 1.0, step 0.25, steps 10" in text


def test_settings_that_are_wrong_by_themselves_are_one_message(out: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong.yaml").write_text(
        "evaluate:\n  - error\n  - {name: error, rows: 0, label: few}\n"
    )
    done = invoke("evaluate", out, "--with", tmp_path / "wrong.yaml")
    assert done.code == 2
    assert done.err.count("\n") == 1
    assert "wrong.yaml:3: evaluation 'few': rows is 0: expected 1 or more" in done.err
    assert "failed" not in done.out


def test_what_is_undefined_in_a_trial_stands_in_the_table_as_such() -> None:
    assert _spread([1.0, 2.0]) == "1.50 ± 0.71"
    assert _spread([1.0, float("nan")]) == _spread([float("inf")]) == "undefined"
    assert _spread([]) == "-"


def test_measurements_outlive_their_weights(out: Path, cells: Sequence[Cell]) -> None:
    folder = CellFolder.of(out, cells[0])
    folder.checkpoint.unlink()
    assert len(stored(folder)) == 2
    assert not missing(cells[0], out)


@pytest.mark.parametrize("name", ["layerwise", "label_smoothing"])
def test_a_loss_that_is_named_within_is_that_of_the_results(tmp_path: Path, name: str) -> None:
    off = {"layerwise": "eps: 0", "label_smoothing": "smoothing: 0.0"}[name]
    whole = f"{{name: {name}, label: within, {off}, inner: {{name: erm, loss: sigmoid}}}}"
    (tmp_path / "loss.yaml").write_text(
        RECIPE.partition("methods:")[0]
        + f"methods: [{{name: erm, loss: sigmoid, label: plain}}, {whole}]\n"
        + "train: {epochs: 3, batch_size: 32}\nevaluate: [nll]\n"
    )
    done = invoke("run", tmp_path / "loss.yaml", "--out", tmp_path / "out")
    assert done.code == 0, done.out + done.err
    results = [json.loads(p.read_text()) for p in tmp_path.glob("out/cells/*/result.json")]
    assert results[0]["test_loss"] == pytest.approx(results[1]["test_loss"], rel=1e-4)
    scores = [json.loads(p.read_text()) for p in tmp_path.glob("out/cells/*/evaluations/*.json")]
    first, second = (score["values"]["nll"] for score in scores)
    assert first == pytest.approx(second, rel=1e-4)
