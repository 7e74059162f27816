"""`mixup-multi plan`, `index` and the options of `run` that they tell of."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command_line import invoke

from mixup_multi.cli.run_options import RunOptions

RECIPE = """\
title: states
adapter: tabular
datasets: [sklearn_iris]
models: [{name: mlp, widths: [8]}]
train: {epochs: 2, batch_size: 32, optimizer: sgd}
parts:
  - {methods: [{name: erm, label: Diverging}], train: {lr: 1.0e+30}}
  - {methods: [erm, mixup], train: {lr: 0.01}}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "states.yaml").write_text(RECIPE)
    return tmp_path / "states.yaml"


def test_plan_prints_cells_states_and_the_time_left(recipe: Path, tmp_path: Path) -> None:
    plan = ("plan", recipe, "--out", tmp_path / "out")
    before = invoke(*plan).out
    assert "3 cells of unknown cost" in before
    assert not (tmp_path / "out").exists()  # nothing is written
    assert invoke("run", recipe, "--out", tmp_path / "out").code == 2
    lines = invoke(*plan).out.splitlines()
    assert [line.split()[0] for line in lines[:3]] == ["failed", "done", "done"]
    assert "the loss is" in lines[0]
    assert "2 done, 1 failed" in lines[3]
    assert len(lines) == 4
    more = invoke(*plan, "--set", "trials=2").out
    assert "of training left in one process" in more
    assert "of the same data set, model and method" in more


def test_plan_as_json_holds_the_same(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    invoke("run", recipe, "--out", out)
    said = json.loads(invoke("plan", recipe, "--out", out, "--set", "trials=2", "--json").out)
    assert said["counts"] == {"done": 2, "running": 0, "failed": 1, "stale": 0, "to do": 3}
    assert len(said["cells"]) == 6
    left = [cell["seconds_left"] for cell in said["cells"] if cell["state"] == "to do"]
    assert all(seconds > 0 for seconds in left)
    assert said["seconds_left"] == pytest.approx(sum(left))
    assert said["cells_of_unknown_cost"] == 0


def test_a_failed_cell_is_repeated_only_when_asked(recipe: Path, tmp_path: Path) -> None:
    run = ("run", recipe, "--out", tmp_path / "out")
    assert "failed earlier" not in invoke(*run).out
    again = invoke(*run)
    assert again.code == 2
    assert "failed earlier" in again.out
    assert "--retry failed" in again.out
    retried = invoke(*run, "--retry", "failed")
    assert retried.code == 2
    assert "failed earlier" not in retried.out


def test_index_is_rebuilt_and_what_is_no_output_folder_is_refused(
    recipe: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    invoke("run", recipe, "--out", out)
    assert "2 done, 1 failed" in invoke("index", out).out
    (out / "index.sqlite").unlink()
    damaged = invoke("index", out)
    assert damaged.code == 2
    assert "--rebuild" in damaged.err
    assert "3 cells" in invoke("index", out, "--rebuild").out
    assert "2 done, 1 failed" in invoke("index", out).out
    other = invoke("index", tmp_path, "--rebuild")
    assert other.code == 2
    assert "not an output folder" in other.err


def test_what_was_asked_is_kept_without_the_machines_folders(recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    for _ in range(2):
        invoke("run", recipe, "--out", out, "--set", "train.epochs=1", "--data", tmp_path)
    (path,) = (out / "recipes").iterdir()
    kept = json.loads(path.read_text())
    assert kept["command"] == "mixup-multi run states.yaml --set train.epochs=1"
    assert kept["title"] == "states"
    assert kept["text"] == RECIPE
    assert len(kept["cells"]) == 3
    invoke("run", recipe, "--out", out, "--retry", "failed", "--skip-missing")
    commands = {json.loads(p.read_text())["command"] for p in (out / "recipes").iterdir()}
    assert "mixup-multi run states.yaml --skip-missing --retry failed" in commands
    report = invoke("report", out)
    assert report.code == 0
    text = (out / "report" / "report.md").read_text()
    assert "mixup-multi run states.yaml --skip-missing --retry failed" in text
    assert str(tmp_path) not in text


MISTAKES = {
    "Ray beside processes": (["--ray", "--jobs", "2"], "leave it out with --ray"),
    "a share of a GPU without Ray": (["--ray-gpus", "0.5"], "add --ray"),
    "a GPU by number on Ray": (["--ray", "--device", "cuda:1"], "since Ray chooses the GPU"),
    "a cluster that is not there": (["--ray", "127.0.0.1:1"], "expected HOST:PORT"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_options_of_ray_that_cannot_be_used_are_refused(
    name: str, recipe: Path, tmp_path: Path
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: mixup-multi[ray]")
    options, message = MISTAKES[name]
    said = invoke("run", recipe, "--out", tmp_path / "out", *options)
    assert said.code == 2
    assert message in said.err


@pytest.mark.parametrize(
    ("arguments", "address"),
    [
        (["--ray", "RECIPE"], ""),
        (["RECIPE", "--ray"], ""),
        (["--ray", "local", "RECIPE"], "local"),
        (["RECIPE", "--ray", "head:6379"], "head:6379"),
        (["--ray=head:6379", "RECIPE"], "head:6379"),
        (["RECIPE"], None),
    ],
)
def test_ray_may_stand_without_an_address(
    arguments: list[str], address: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[list[str], str | None]] = []

    def run_recipes(recipes: list[str], _: object, options: RunOptions, *__: object) -> int:
        seen.append((recipes, options.ray))
        return 0

    monkeypatch.setattr("mixup_multi.cli.run.run_recipes", run_recipes)
    assert invoke("run", *arguments).code == 0
    assert seen == [(["RECIPE"], address)]
