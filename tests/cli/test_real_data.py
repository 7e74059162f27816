"""The shipped recipes on real data, for a few epochs: they learn, and mark what is not whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import mixup_multi

from mixup_multi.engine.source import Trial
from mixup_multi_adapters.images.sets import DATASETS

REGRESSION = """\
title: "A number of a table"
adapter: tabular
datasets: [{name: sklearn_diabetes, label: Diabetes}]
models: [{name: mlp, label: MLP, widths: [32]}]
methods: [erm, mixup, {name: c_mixup, bandwidth: 0.5}, mixupe, gaussian]
train: {epochs: 15, batch_size: 32, lr: 0.005}
"""


def run(recipe: str, data: Path, out: Path, *changes: str) -> dict[str, list[dict[str, Any]]]:
    """Run a recipe and return the results by method, each with its history."""
    assignments = [word for change in changes for word in ("--set", change)]
    done = mixup_multi("run", recipe, "--data", data, "--out", out, *assignments)
    assert done.code == 0, done.out + done.err
    found: dict[str, list[dict[str, Any]]] = {}
    for path in sorted(out.glob("cells/*/result.json")):
        cell = json.loads((path.parent / "cell.json").read_text())
        lines = (path.parent / "metrics.jsonl").read_text().splitlines()
        result = {**json.loads(path.read_text()), "history": list(map(json.loads, lines))}
        found.setdefault(cell["method"]["label"], []).append({**result, "said": done.out})
    return found


def learns(results: dict[str, list[dict[str, Any]]], majority_error: float) -> None:
    """Every method's training error falls below its start and below the majority class's."""
    assert len(results) >= 3
    for method, cells in results.items():
        for cell in cells:
            first, last = cell["history"][0], cell["history"][-1]
            assert last["train_loss"] < first["train_loss"], method
            assert cell["train_error"] < majority_error, method
            assert cell["test_error"] < majority_error, method


def test_speech_recordings(real_speech: Path, tmp_path: Path) -> None:
    ten = "{name: speech_commands_v2, words: ten, label: Google Speech Commands (Warden 2018)}"
    found = run(
        "speech_lenet", real_speech, tmp_path, "trials=1", "train.epochs=4", "train.batch_size=50",
        f"datasets=[{ten}]", "models=[{name: lenet, label: LeNet, width: 0.25}]",
        "methods=[erm, {name: mixup, alpha: 0.2}, {name: mixupe, alpha: 0.2}]",
    )  # fmt: skip
    learns(found, majority_error=90)
    cell = found["erm"][0]
    assert cell["classes"] == 10
    assert "2,757 of 105,829" in " ".join(cell["notes"])
    assert "2,757 of 105,829" in cell["said"]


def test_an_openml_table(real_openml: Path, tmp_path: Path) -> None:
    found = run(
        "tabular_uci", real_openml, tmp_path, "trials=2", "train.epochs=5",
        "parts=[{datasets: [{name: cmc, label: CMC}]}]",
    )  # fmt: skip
    learns(found, majority_error=57)
    assert "paper 45.42" in found["MixupE"][0]["said"]
    assert len({cell["data_key"] for cells in found.values() for cell in cells}) == 1


def test_mutag(real_graphs: Path, tmp_path: Path) -> None:
    found = run(
        "graph_tu", real_graphs, tmp_path, "train.epochs=15", "train.steps_per_epoch=20",
        "parts=[{folds: 2, datasets: [{name: mutag, label: MUTAG}],"
        " models: [{name: gin, label: GIN, hidden: 16}]}]",
    )  # fmt: skip
    learns(found, majority_error=33.5)
    for cells in found.values():
        assert [cell["test_rows"] for cell in cells] == [94, 94]
        assert all("test_error" in record for cell in cells for record in cell["history"])


def test_cifar10_rows(real_cifar10: Path, tmp_path: Path) -> None:
    found = run(
        "image_cifar10_first_rows", real_cifar10, tmp_path, "train.epochs=2",
        "models=[{name: small_cnn, width: 16}]",
    )  # fmt: skip
    learns(found, majority_error=89)
    cell = found["ERM"][0]
    assert (cell["train_rows"], cell["test_rows"]) == (8068, 1017)
    assert cell["data"] == "cifar10 (partial)"
    assert "not CIFAR-10 results" in cell["said"]


def test_the_baselines_on_cifar10_rows(real_cifar10: Path, tmp_path: Path) -> None:
    found = run(
        "image_cifar10_first_rows", real_cifar10, tmp_path, "train.epochs=2",
        "models=[{name: small_cnn, width: 8}]",
        "methods=[{name: gaussian, point: block2}, {name: cutout, size: 8},"
        " {name: label_smoothing, inner: {name: mixup, p: 0.5}}, {name: switch, label: timm},"
        " {name: mixup, label: balanced, partner: balanced}]",
    )  # fmt: skip
    learns(found, majority_error=89)
    steps = -(-8068 // 128)
    for record in found["timm"][0]["history"]:
        assert 0 < record["second_taken"] < steps


def test_augmix_on_cifar10_rows(real_cifar10: Path, tmp_path: Path) -> None:
    settings = {"folder": "cifar10-first-rows", "partial": True}
    source = DATASETS["cifar10"].load(real_cifar10, Trial(), **settings).train
    if getattr(source, "bounds", None) is None:
        pytest.skip("this version's image sets state no range of pixels")
    found = run(
        "image_cifar10_first_rows", real_cifar10, tmp_path, "train.epochs=2",
        "models=[{name: small_cnn, width: 8}]", "methods=[augmix]",
    )  # fmt: skip
    (cell,) = found["augmix"]
    first, last = cell["history"]
    assert 0 <= last["jsd"] < 0.1
    assert last["clean_loss"] < first["clean_loss"]
    assert cell["test_error"] < 89


def test_a_number_is_predicted(tmp_path: Path) -> None:
    """scikit-learn's diabetes: better than the training mean, whose error is about 100 %."""
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(REGRESSION)
    found = run(str(recipe), tmp_path, tmp_path / "out", "trials=1")
    learns(found, majority_error=75)
    for cells in found.values():
        for cell in cells:
            assert cell["class_names"] == ["target"]
            assert cell["test_error"] == pytest.approx(200 * cell["test_loss"])  # halves of squares
            assert "100 (1 - R^2)" in cell["said"]


@pytest.mark.parametrize("method", ["label_smoothing", "{name: mixup, partner: other_class}"])
def test_what_needs_classes_is_refused_before_training(tmp_path: Path, method: str) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(REGRESSION)
    done = mixup_multi(
        *("run", recipe, "--data", tmp_path, "--out", tmp_path / "out"),
        *("--set", f"methods=[{method}]"),
    )
    assert done.code == 2
    assert "targets that are numbers" in done.err
    assert "Traceback" not in done.err
    assert not list(tmp_path.glob("out/cells/*/result.json"))


def test_noise_and_smoothing_at_a_graphs_readout(real_graphs: Path, tmp_path: Path) -> None:
    found = run(
        "graph_tu", real_graphs, tmp_path, "train.epochs=15", "train.steps_per_epoch=20",
        "parts=[{folds: 2, datasets: [{name: mutag, label: MUTAG}],"
        " models: [{name: gin, label: GIN, hidden: 16}]}]",
        "methods=[gaussian, {name: label_smoothing, inner: mixup}, {name: mixup, partner: balanced,"
        " p: 0.5}]",
    )  # fmt: skip
    learns(found, majority_error=40)


def test_noise_and_cutout_on_speech(real_speech: Path, tmp_path: Path) -> None:
    ten = "{name: speech_commands_v2, words: ten, label: Google Speech Commands (Warden 2018)}"
    found = run(
        "speech_lenet", real_speech, tmp_path, "trials=1", "train.epochs=2", "train.batch_size=50",
        f"datasets=[{ten}]", "models=[{name: lenet, label: LeNet, width: 0.25}]",
        "methods=[gaussian, {name: cutout, size: 30}, label_smoothing]",
    )  # fmt: skip
    learns(found, majority_error=90)


def test_a_shortened_release_is_refused_unless_asked_for(
    real_cifar10: Path, tmp_path: Path
) -> None:
    whole = "datasets=[{name: cifar10, folder: cifar10-first-rows}]"
    with pytest.raises(AssertionError, match="partial: true"):
        run("image_cifar10_first_rows", real_cifar10, tmp_path, whole)


SMALL_CODEC = "{name: mmd_vae, latent: 8, epochs: 2, width: 8}"
"""Of two epochs: what is asked is that all runs, not that it reconstructs well."""

LATENT = (
    f"methods=[{{name: varmixup, codec: {SMALL_CODEC}}}, {{name: mixup_r, codec: {SMALL_CODEC}}},"
    f" {{name: mixupe, inner: {{name: varmixup, codec: {SMALL_CODEC}}}}}]"
)


def test_latent_mixing_of_real_images_and_a_real_table(
    real_cifar10: Path, real_openml: Path, tmp_path: Path
) -> None:
    images = run(
        "image_cifar10_first_rows", real_cifar10, tmp_path / "images", "train.epochs=1", "trials=1",
        "models=[{name: small_cnn, width: 8}]", LATENT,
        "datasets=[{name: cifar10, folder: cifar10-first-rows, partial: true, train_rows: 1000}]",
    )  # fmt: skip
    table = run(
        "tabular_uci", real_openml, tmp_path / "table", "trials=1", "train.epochs=2",
        "parts=[{datasets: [{name: cmc, label: CMC}]}]", LATENT,
    )  # fmt: skip
    for found, sheets in ((images, "interpolations.png"), (table, "reconstructions.csv")):
        assert [len(cells) for cells in found.values()] == [1, 1, 1]
        assert len(list(tmp_path.glob(f"*/codecs/*/{sheets}"))) == 1
        said = next(iter(found.values()))[0]["said"]
        assert said.count("fitted the codec") == 1


def test_latent_mixing_of_recordings(real_speech: Path, tmp_path: Path) -> None:
    ten = "{name: speech_commands_v2, words: ten, label: Google Speech Commands (Warden 2018)}"
    codec = "{name: mmd_vae, latent: 8, epochs: 1, width: 2}"
    (cells,) = run(
        "speech_lenet", real_speech, tmp_path, "trials=1", "train.epochs=1", "train.batch_size=50",
        f"datasets=[{ten}]", "models=[{name: lenet, label: LeNet, width: 0.25}]",
        f"methods=[{{name: varmixup, codec: {codec}}}]",
    ).values()  # fmt: skip
    assert cells[0]["history"][0]["train_loss"] > 0
    assert len(list(tmp_path.glob("codecs/*/reconstructions.png"))) == 1


def test_latent_mixing_of_graphs_is_at_the_readout(real_graphs: Path, tmp_path: Path) -> None:
    (cells,) = run(
        "graph_tu", real_graphs, tmp_path, "train.epochs=15", "train.steps_per_epoch=20",
        "parts=[{folds: 2, datasets: [{name: mutag, label: MUTAG}],"
        " models: [{name: gin, label: GIN, hidden: 16, head: mlp}]}]",
        "methods=[{name: varmixup_readout, gamma: 0.1}]",
    ).values()  # fmt: skip
    for cell in cells:
        assert cell["history"][-1]["train_loss"] < cell["history"][0]["train_loss"]
        assert cell["train_error"] < 33.5
        assert 0 < cell["history"][-1]["mmd"] < cell["history"][0]["mmd"]
    assert not (tmp_path / "codecs").exists()
