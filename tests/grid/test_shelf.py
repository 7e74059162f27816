"""Which loss an objective gets: the recipe's, that of the entry around it, or the data's."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from mixup_multi.cli.plan import plan
from mixup_multi.errors import SettingError
from mixup_multi.grid.folder.shelf import build_objective
from mixup_multi.objectives import LOSSES, LabelSmoothing, Objective

RECIPE = """\
title: losses
adapter: tabular
datasets: [sklearn_wine]
models: [mlp]
methods: [{method}]
"""


def made(folder: Path, method: str, loss: str) -> Objective:
    path = folder / "recipe.yaml"
    path.write_text(RECIPE.replace("{method}", method))
    (cell,) = plan([str(path)], [])[0].cells
    data = SimpleNamespace(name="some data", loss=loss)
    return build_objective(cell, data)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("settings", "data", "outer", "inner"),
    [
        ("inner: mixup", "softmax", "softmax", "softmax"),
        ("inner: mixup", "sigmoid", "sigmoid", "sigmoid"),
        ("loss: softmax_bce, inner: mixup", "softmax", "softmax_bce", "softmax_bce"),
        ("inner: {name: mixup, loss: softmax_bce}", "softmax", "softmax_bce", "softmax_bce"),
        ("loss: sigmoid, inner: {name: mixup, loss: softmax}", "softmax", "sigmoid", "softmax"),
    ],
)
def test_an_open_loss_is_that_of_the_entry_around_or_within_it_or_of_the_data(
    tmp_path: Path, settings: str, data: str, outer: str, inner: str
) -> None:
    method = made(tmp_path, f"{{name: label_smoothing, {settings}}}", data)
    assert isinstance(method, LabelSmoothing)
    assert method.loss_fn is LOSSES[outer]
    assert method.inner.loss_fn is LOSSES[inner]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "method", ["{name: erm, loss: softmax}", "{name: gaussian, inner: {name: erm, loss: sigmoid}}"]
)
def test_numbers_are_not_trained_as_classes(tmp_path: Path, method: str) -> None:
    with pytest.raises(SettingError, match="some data, whose targets are numbers: expected squ"):
        made(tmp_path, method, "squared")
    assert made(tmp_path, "erm", "squared").loss_fn is LOSSES["squared"]  # type: ignore[attr-defined]


def test_classes_may_be_trained_as_numbers(tmp_path: Path) -> None:
    method = made(tmp_path, "{name: erm, loss: squared}", "softmax")
    assert method.loss_fn is LOSSES["squared"]  # type: ignore[attr-defined]
