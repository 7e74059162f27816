"""Calibration of trained cells of every modality: from a recipe to the report."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from command_line import invoke

from mixup_multi.grid.evaluate import known
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.recipe.expand import cells_of
from mixup_multi.recipe.load import load_recipe
from mixup_multi.report.measure import measure

RECIPE = """\
title: calibrated
adapter: {adapter}
datasets: [{dataset}]
models: [{model}]
methods: [mixup]
train: {{epochs: 2, batch_size: 32}}
evaluate:
  - {{name: calibration, bootstrap: 50}}
  - {{name: calibration, label: tempered, temperature: validation, bootstrap: 50}}
  - {{name: nll, bootstrap: 50}}
  - {{name: ece, label: adaptive, binning: equal_mass, bootstrap: 50}}
"""
MODALITIES = {
    "tabular": ("{name: sklearn_iris, validation: 0.2}", "{name: mlp, widths: [16]}"),
    "images": ("{name: digits, validation: 0.2}", "{name: small_cnn}"),
    "speech": ("tones", "{name: lenet}"),
    "graphs": ("{name: motifs, validation: 0.2}", "{name: gin, layers: 2, hidden: 8}"),
}


@pytest.mark.parametrize("adapter", MODALITIES)
def test_a_checkpoint_of_each_modality(adapter: str, tmp_path: Path) -> None:
    dataset, model = MODALITIES[adapter]
    recipe = tmp_path / "calibrated.yaml"
    recipe.write_text(RECIPE.format(adapter=adapter, dataset=dataset, model=model))
    out = tmp_path / "out"
    done = invoke("run", recipe, "--out", out)
    assert done.code == 0, done.out + done.err
    (cell,) = cells_of(load_recipe(str(recipe))[1])
    folder = CellFolder.of(out, cell)
    result = folder.read_json("result")
    assert result is not None
    made = {one.choice.label: one.record for one in known(cell, out)}
    assert list(made) == ["calibration", "tempered", "nll", "adaptive"]
    plain, tempered = made["calibration"], made["tempered"]
    assert plain is not None
    assert tempered is not None
    assert plain["values"]["error"] == pytest.approx(result["test_error"])
    assert plain["values"]["nll"] == pytest.approx(result["test_loss"], rel=1e-5)
    assert plain["values"]["rows"] == result["test_rows"]
    assert plain["values"]["ece"] == pytest.approx(measure(folder).reliability.ece)
    assert tempered["values"]["temperature"] != 1
    assert tempered["values"]["error"] == plain["values"]["error"]
    assert sum(plain["curves"]["count"]["y"]) == result["test_rows"]
    assert "nll nats" in done.out
    assert invoke("report", out).code == 0
    assert "| calibration % | tempered % | nll nats |" in (out / "report/report.md").read_text()


def test_no_weights_are_needed_and_strangers_predictors_come_by_name(tmp_path: Path) -> None:
    dataset, model = MODALITIES["tabular"]
    recipe = tmp_path / "calibrated.yaml"
    recipe.write_text(RECIPE.format(adapter="tabular", dataset=dataset, model=model))
    assert invoke("run", recipe, "--out", tmp_path / "out").code == 0
    plain = "{name: nll, label: plain, predictor: {name: 'mixup_multi.predict.plain:Plain'}}"
    (tmp_path / "more.yaml").write_text(f"evaluate: [{plain}, {{name: auroc}}, {{name: brier}}]\n")
    asked = ("evaluate", tmp_path / "out", "--with", tmp_path / "more.yaml")
    assert invoke(*asked).code == 0
    files = {p: json.loads(p.read_text()) for p in tmp_path.glob("out/cells/*/evaluations/*.json")}
    named = {(content["name"], content["label"]): content["values"] for content in files.values()}
    assert named["nll", "plain"]["nll"] == pytest.approx(named["nll", "nll"]["nll"], rel=1e-6)
    assert all(not math.isinf(value) for values in named.values() for value in values.values())
    for path in (*files, *tmp_path.glob("out/cells/*/checkpoint*")):
        path.unlink()
    (tmp_path / "more.yaml").write_text("evaluate: [{name: calibration}, {name: aurc}]\n")
    without = invoke(*asked)
    assert without.code == 0, without.out
    assert len(list(tmp_path.glob("out/cells/*/evaluations/calibration-*.json"))) == 1


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("temperature: validation", "temperature: train", "temperature is 'train'"),
        ("binning: equal_mass", "binning: equal", "binning is 'equal'"),
        ("name: nll,", "name: nll, bins: 3,", "unknown setting 'bins'"),
        (", validation: 0.2", "", "expected a data set with one"),
        (
            "name: nll, bootstrap: 50",
            "name: nll, bootstrap: -1",
            "bootstrap is -1: expected 0 or more",
        ),
    ],
)
def test_a_mistake_is_told_before_any_training(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    dataset, model = MODALITIES["tabular"]
    text = RECIPE.format(adapter="tabular", dataset=dataset, model=model)
    assert old in text
    (tmp_path / "wrong.yaml").write_text(text.replace(old, new))
    done = invoke("run", tmp_path / "wrong.yaml", "--out", tmp_path / "out")
    assert (done.code, said in done.err) == (2, True), done.err
    assert "wrong.yaml:" in done.err
