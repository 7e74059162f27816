"""What `show` and `plan` say of codecs, and that a missing one stops a run with one sentence."""

from __future__ import annotations

from pathlib import Path

import pytest
from command_line import invoke

RECIPE = """
title: latent
adapter: tabular
datasets: [sklearn_iris]
models: [{name: mlp, widths: [8]}]
methods:
  - erm
  - {name: varmixup, codec: &codec {name: mmd_vae, latent: 2, epochs: 2, width: 2}}
  - {name: mixupe, inner: {name: varmixup, codec: *codec}}
  - {name: mixup_r, codec: {name: "codec_cases:Squash"}}
train: {epochs: 1}
"""
"""Two methods share a codec, a third has one that needs no fit."""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "latent.yaml"
    path.write_text(RECIPE)
    return path


def lines(*arguments: object) -> list[str]:
    said = invoke(*arguments)
    assert said.code == 0, said.err
    return [line for line in said.out.splitlines() if line.startswith("codec ")]


def test_show_and_plan_name_each_codec_that_is_to_be_fitted_once(recipe, tmp_path):
    (line,) = lines("show", recipe)
    assert line.startswith("codec mmd_vae: fitted once to each data set, or split of it")
    assert "latent=2" in line
    assert "epochs=2" in line
    out = tmp_path / "out"
    (line,) = lines("plan", recipe, "--out", out)
    assert f"; 0 fitted in {out / 'codecs'}" in line
    assert invoke("run", recipe, "--out", out).code == 0
    (line,) = lines("plan", recipe, "--out", out)
    assert f"; 1 fitted in {out / 'codecs'}" in line
    (described,) = out.glob("codecs/*/codec.json")
    described.write_text("damaged")
    (line,) = lines("plan", recipe, "--out", out)
    assert "; 0 fitted" in line


def test_a_missing_codec_stops_with_one_sentence_and_its_line(recipe, tmp_path):
    said = invoke("run", recipe, "--out", tmp_path, "--set", "methods=[varmixup]")
    assert said.code == 2
    assert "setting 'codec' is None: expected a codec" in said.err
    assert "latent.yaml" in said.err
    assert "Traceback" not in said.err
