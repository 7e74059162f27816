"""Whatever stands in a recipe: it is planned, shown and run, or one message says what is wrong."""

from __future__ import annotations

import math
import shutil
from pathlib import Path
from typing import Any

import pytest
from any_recipe import VALID, damaged, written
from command_line import Said, invoke
from hypothesis import HealthCheck, given, settings

# What is valid but would take for ever to train is made short; `plan` and `show` see it as it is.
SHORT = ("--set", "train.epochs=1", "--set", "train.steps_per_epoch=1", "--set", "trials=1")


def any_recipes(n: int) -> settings:
    checks = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
    return settings(max_examples=n, deadline=None, suppress_health_check=checks)


def asked(command: str, content: bytes, folder: Path) -> Said:
    """Give a command a recipe of such content, in an output folder of its own."""
    path, out = folder / "any.yaml", folder / "out"
    path.write_bytes(content)
    shutil.rmtree(out, ignore_errors=True)
    more = {"plan": ("--out", out), "show": (), "run": ("--out", out, *SHORT)}[command]
    return invoke(command, path, *more)


def is_clean(said: Said) -> bool:
    """Return whether it went well, or cells failed and were recorded, or one message says why."""
    if said.code == 0 or "cells failed" in said.out:
        return said.err == ""
    return said.code == 2 and said.err.startswith("mixup-multi: ") and "Traceback" not in said.err


@pytest.mark.parametrize("command", ["plan", "show"])
@any_recipes(60)
@given(content=damaged())
def test_a_damaged_recipe_is_understood_or_explained(
    command: str, content: bytes, tmp_path: Path
) -> None:
    said = asked(command, content, tmp_path)
    assert is_clean(said), said


@any_recipes(40)
@given(content=damaged())
def test_a_damaged_recipe_is_run_or_explained(content: bytes, tmp_path: Path) -> None:
    said = asked("run", content, tmp_path)
    assert is_clean(said), said


@pytest.mark.parametrize("command", ["plan", "show", "run"])
@pytest.mark.parametrize(
    "change",
    [
        {"models": [{"name": "mlp", "widths": [10**13]}]},  # more than any memory
        {"methods": [{"name": "mixup", "alpha": math.nan}]},
        {"methods": [{"name": "mixupe", "eta": 1e40}]},
        {"title": "\u202e\u0000💥", "notes": ["\x1b[31m", "[/]"]},
        {"trials": 10**12},
        {"folds": 10**9},
    ],
)
def test_the_worst_is_understood_or_explained(
    command: str, change: dict[str, Any], tmp_path: Path
) -> None:
    lists = {"datasets": ["sklearn_iris"], "models": ["mlp"], "methods": ["erm"]}
    content = {"title": "t", "adapter": "tabular", **lists, **change}
    said = asked(command, written(content), tmp_path)
    assert is_clean(said), said
    if "trials" in change and command != "run":
        assert "at most 1,000,000" in said.err


@any_recipes(8)
@given(content=VALID.map(written))
def test_a_valid_recipe_is_shown_and_run(content: bytes, tmp_path: Path) -> None:
    for command in ("show", "run"):
        said = asked(command, content, tmp_path)
        assert (said.code, said.err) == (0, ""), said
