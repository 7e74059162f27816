"""kill -9 at random moments, then on to the end: the same results, no cell lost or doubled.

`MIXUP_MULTI_KILLS=50 pytest tests/grid/test_kills.py` kills as often as that.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

KILLS = int(os.environ.get("MIXUP_MULTI_KILLS", "6"))
RECIPE = """\
title: to be killed
adapter: tabular
datasets: [{name: sklearn_iris, validation: 0.2}]
models: [{name: mlp, widths: [16]}]
methods: [erm, mixup, {name: mixupe, alpha: 0.4, eta: 0.3}]
trials: 2
train: {epochs: 8, batch_size: 16, checkpoint_seconds: 0.0}
"""
CELLS, EPOCHS = 6, 8
VARYING = ("seconds", "peak_memory_bytes", "checksum")


def _results(out: Path) -> dict[str, Any]:
    found = {}
    for path in sorted(out.glob("cells/*/result.json")):
        result = json.loads(path.read_text())
        found[path.parent.name] = {k: v for k, v in result.items() if k not in VARYING}
    return found


def _losses(folder: Path) -> list[float]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["train_loss"] for line in lines]


def _same_cell(a: Path, b: Path) -> None:
    assert _losses(a) == _losses(b)
    first = torch.load(a / "outputs.pt", weights_only=True)
    second = torch.load(b / "outputs.pt", weights_only=True)
    for part in ("validation", "test"):
        assert torch.equal(first[part]["logits"], second[part]["logits"])
        assert first[part]["ids"] == second[part]["ids"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_killed_at_random_moments_the_results_are_the_same(tmp_path: Path) -> None:
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(RECIPE)
    script = Path(__file__).with_name("kills.py")
    command = [sys.executable, str(script), str(recipe), str(tmp_path / "out")]
    done = subprocess.run(
        [*command, "--kills", str(KILLS), "--seed", str(KILLS)],
        capture_output=True,
        text=True,
        timeout=900,
    )
    assert done.returncode == 0, done.stderr
    sys.stdout.write(done.stdout)
    said = json.loads(done.stdout.splitlines()[-1])
    assert sum(len(grid["done_at_kills"]) for grid in said["grids"]) == KILLS
    whole = tmp_path / "out" / "warm-up"
    expected = _results(whole)
    assert len(expected) == CELLS
    for number, grid in enumerate(said["grids"]):
        out = tmp_path / "out" / str(number)
        assert _results(out) == expected
        assert len(list((out / "cells").iterdir())) == CELLS
        for name in expected:
            _same_cell(whole / "cells" / name, out / "cells" / name)
        # A kill costs the epoch of the cohort that it met, at most, and damage what followed the
        # last good checkpoint. Cells that are run twice would train far more, lost ones less.
        kills, damaged = len(grid["done_at_kills"]), len(grid["damaged"])
        assert CELLS * (EPOCHS - kills) <= grid["epochs"]
        assert grid["epochs"] <= CELLS * (EPOCHS + kills + EPOCHS * damaged)
