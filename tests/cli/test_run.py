"""The command end to end: from a recipe to folders and a table, and on after an interruption."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import pytest
import torch
from command_line import mixup_multi, start


def results(out: Path) -> dict[str, dict[str, object]]:
    """Return every cell's result by its folder's name."""
    found = sorted(out.glob("cells/*/result.json"))
    return {path.parent.name: json.loads(path.read_text()) for path in found}


SMALL = """\
title: small
methods: [erm, {name: mixup, alpha: 0.4}, {name: mixupe, alpha: 0.4, eta: 0.3}]
train: {epochs: 4, batch_size: 64, lr: 0.01}
parts:
  - {adapter: tabular, datasets: [sklearn_iris], models: [mlp], train: {epochs: 15, batch_size: 16}}
  - {adapter: images, datasets: [digits], models: [small_cnn]}
  - {adapter: speech, datasets: [tones], models: [{name: lenet, width: 0.25}], train: {lr: 0.003}}
  - {adapter: graphs, datasets: [motifs], models: [{name: gin, hidden: 16}], train: {epochs: 20}}
"""
CLASSES = {"sklearn_iris": 3, "digits": 10, "tones": 10, "motifs": 4}


def test_four_modalities_through_one_command(tmp_path: Path) -> None:
    recipe, out = tmp_path / "small.yaml", tmp_path / "out"
    recipe.write_text(SMALL)
    done = mixup_multi("run", recipe, "--out", out)
    assert done.code == 0, done.out + done.err
    assert "test error in %" in done.out
    assert "synthetic" in done.out
    found = results(out)
    assert len(found) == 12
    for folder, result in found.items():
        majority = 100 * (1 - 1 / CLASSES[folder.split("-")[0]])
        assert result["test_error"] < 0.9 * majority, (folder, result)  # type: ignore[operator]
        history = (out / "cells" / folder / "metrics.jsonl").read_text().splitlines()
        first, last = json.loads(history[0]), json.loads(history[-1])
        assert last["train_loss"] < first["train_loss"], folder

    again = mixup_multi("run", recipe, "--out", out)
    assert again.code == 0
    assert results(out) == found  # nothing is run twice: the seconds are the same


def test_a_cells_folder_is_complete_and_loads_without_code(tmp_path: Path) -> None:
    out = tmp_path / "out"
    recipe = tmp_path / "one.yaml"
    recipe.write_text(
        "title: one\nadapter: tabular\ndatasets: [{name: sklearn_iris, validation: 0.2}]\n"
        "models: [mlp]\nmethods: [mixupe]\ntrain: {epochs: 2, batch_size: 16}\n"
    )
    assert mixup_multi("run", recipe, "--out", out).code == 0
    (folder,) = (out / "cells").iterdir()
    assert {path.name for path in folder.iterdir()} == {
        "cell.json",
        "environment.json",
        "metrics.jsonl",
        "checkpoint.pt",
        "outputs.pt",
        "result.json",
    }
    outputs = torch.load(folder / "outputs.pt", weights_only=True)
    assert outputs["test"]["logits"].shape == outputs["test"]["targets"].shape == (30, 3)
    assert len(set(outputs["test"]["ids"])) == 30
    wrong = outputs["test"]["logits"].argmax(1) != outputs["test"]["targets"].argmax(1)
    result = json.loads((folder / "result.json").read_text())
    assert result["test_error"] == pytest.approx(100 * wrong.double().mean().item())
    assert result["validation_rows"] == 30
    cell = json.loads((folder / "cell.json").read_text())
    assert cell["method"]["settings"]["form"] == "paper_abs"
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["packages"]["torch"].startswith("2.11")
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["epoch"] == 2


MISTAKES = {
    "a typo in the recipe": (["run", "quikstart"], "did you mean 'quickstart'"),
    "a device that is not there": (
        ["run", "quickstart", "--device", "cuda:99"],
        "CUDA devices; use --device cpu",
    ),
    "a device that does not exist": (
        ["run", "quickstart", "--device", "gpu"],
        "expected auto, cpu",
    ),
    "a device of another maker": (["run", "quickstart", "--device", "mps"], "use --device cpu"),
    "missing data": (["run", "graph_tu"], "mixup-multi data fetch"),
    "an unknown data set": (["data", "verify", "mutagg"], "did you mean 'mutag'"),
    "an unknown list": (["list", "method"], "did you mean 'methods'"),
    "a bad assignment": (["run", "quickstart", "--set", "train.epochs"], "KEY=VALUE"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_one_message_and_exit_code_2(name: str, tmp_path: Path) -> None:
    arguments, said = MISTAKES[name]
    done = mixup_multi(*arguments, cwd=tmp_path)
    assert done.code == 2
    assert said in done.err
    assert "Traceback" not in done.out + done.err
    assert len(done.err.strip().splitlines()) == 1


def test_a_point_that_is_not_offered_is_found_before_any_training(tmp_path: Path) -> None:
    done = mixup_multi(
        "run", "quickstart", "--set", "methods=[erm, {name: mixup, points: layer7}]", "--out",
        tmp_path / "out",
    )  # fmt: skip
    assert done.code == 2
    assert "'layer7', which this model does not offer" in done.err
    assert not results(tmp_path / "out")


def test_a_method_that_does_not_fit_the_data_is_found_before_any_training(tmp_path: Path) -> None:
    change = "methods=[erm, cutmix]"
    done = mixup_multi("run", "quickstart", "--set", change, "--out", tmp_path / "out")
    assert done.code == 2
    assert "Iris / MLP / cutmix" in done.err
    assert "expected a tensor (n, c, h, w)" in done.err
    assert not results(tmp_path / "out")


@pytest.mark.skipif(os.name == "nt", reason="needs POSIX permissions")
def test_an_output_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.touch()
    done = mixup_multi("run", "quickstart", "--out", blocked / "out")
    assert done.code == 2
    assert str(blocked / "out") in done.err
    assert "Traceback" not in done.err


def test_missing_data_can_be_left_out(tmp_path: Path) -> None:
    recipe = tmp_path / "some.yaml"
    recipe.write_text(
        "title: some\nmethods: [erm]\nadapter: tabular\nmodels: [mlp]\n"
        "datasets: [letter, sklearn_iris]\ntrain: {epochs: 1}\n"
    )
    arguments = ("run", recipe, "--out", tmp_path / "out", "--data", tmp_path / "none")
    assert mixup_multi(*arguments).code == 2
    assert not results(tmp_path / "out")
    done = mixup_multi(*arguments, "--skip-missing")
    assert done.code == 0
    assert "left out: letter: no data in" in done.out
    assert len(results(tmp_path / "out")) == 1


def test_a_diverging_cell_is_recorded_and_the_others_go_on(tmp_path: Path) -> None:
    recipe = tmp_path / "nan.yaml"
    recipe.write_text(
        "title: nan\nadapter: tabular\ndatasets: [sklearn_iris]\nmodels: [mlp]\n"
        "train: {epochs: 3, optimizer: sgd}\nparts:\n"
        "  - {methods: [erm], train: {lr: 1.0e+30}}\n  - {methods: [mixup], train: {lr: 0.01}}\n"
    )
    done = mixup_multi("run", recipe, "--out", tmp_path / "out")
    assert done.code == 2
    assert "the loss is nan" in done.out
    assert len(results(tmp_path / "out")) == 1
    (failure,) = (tmp_path / "out").glob("cells/*/failure.json")
    assert "Traceback" in json.loads(failure.read_text())["traceback"]


LONG = (
    "title: long\nadapter: tabular\ndatasets: [sklearn_digits]\nmodels: [mlp]\n"
    "methods: [erm, mixup]\ntrials: 2\n"
    "train: {epochs: 40, batch_size: 32, checkpoint_seconds: 0.0}\n"
)


def _wait_for(path: Path, pattern: str) -> None:
    deadline = time.monotonic() + 120
    while not list(path.glob(pattern)):
        assert time.monotonic() < deadline, f"no {pattern} in {path}"
        time.sleep(0.02)


def test_ctrl_c_keeps_what_is_done_and_says_how_to_go_on(tmp_path: Path) -> None:
    recipe, out = tmp_path / "long.yaml", tmp_path / "out"
    recipe.write_text(LONG)
    process = start("run", recipe, "--out", out)
    _wait_for(out, "cells/*/result.json")
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again" in said
    assert "Traceback" not in said
    done = results(out)
    assert 1 <= len(done) < 4
    assert mixup_multi("run", recipe, "--out", out).code == 0
    assert {name: results(out)[name] for name in done} == done


def test_killed_and_resumed_ends_with_the_bits_of_an_uninterrupted_run(tmp_path: Path) -> None:
    recipe = tmp_path / "long.yaml"
    recipe.write_text(LONG)
    assert mixup_multi("run", recipe, "--out", tmp_path / "whole").code == 0
    out = tmp_path / "killed"
    for _ in range(3):
        before = set(out.glob("cells/*/checkpoint.pt"))
        process = start("run", recipe, "--out", out)
        deadline = time.monotonic() + 60
        while set(out.glob("cells/*/checkpoint.pt")) == before and process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        process.kill()
        process.communicate()
    assert mixup_multi("run", recipe, "--out", out).code == 0
    whole, killed = results(tmp_path / "whole"), results(out)
    assert whole.keys() == killed.keys()
    for name in whole:
        a = torch.load(tmp_path / "whole" / "cells" / name / "outputs.pt", weights_only=True)
        b = torch.load(out / "cells" / name / "outputs.pt", weights_only=True)
        assert torch.equal(a["test"]["logits"], b["test"]["logits"])
        assert whole[name]["train_loss"] == killed[name]["train_loss"]
