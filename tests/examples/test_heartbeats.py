"""The worked example is a stranger's package: installed by pip, found, tested and run."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from strangers import Scratch, finished_methods, listed

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "heartbeats"
SMALL = ("--set", "trials=1", "--set", "train.epochs=1")


@pytest.fixture(scope="module")
def copy(scratch: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a copy of the example outside of this repository, which is installed."""
    folder = tmp_path_factory.mktemp("strangers") / "heartbeats"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "runs"))
    scratch.install(folder)
    return folder


def test_a_modality_with_its_test_has_less_than_150_lines() -> None:
    lines = [line for path in EXAMPLE.rglob("*.py") for line in path.read_text().splitlines()]
    assert 100 < len(lines) < 150


def test_its_names_are_found(scratch: Scratch, copy: Path) -> None:
    ours = [row for row in listed(scratch)["datasets"] if row["adapter"] == copy.name]
    assert {row["data set"]: row["download"] for row in ours} == {
        "beats": "embedded",
        "ucr": "your own",
    }


def test_its_own_test_passes(scratch: Scratch, copy: Path) -> None:
    assert "2 passed" in scratch.said("-m", "pytest", "-q", cwd=copy)


def test_its_recipe_runs_and_reports(scratch: Scratch, copy: Path) -> None:
    scratch.mixup_multi("run", "heartbeats.yaml", *SMALL, cwd=copy)
    out = copy / "runs" / "heartbeats"
    assert finished_methods(out) == ["erm", "manifold_mixup", "mixup", "mixupe"]
    scratch.mixup_multi("report", out)
    report = (out / "report" / "report.md").read_text()
    assert "generated heartbeats, not recordings" in report
    assert "baseline wander" in report
