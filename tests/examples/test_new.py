"""What `mixup-multi new` writes works as it is: installed, tested and run."""

from __future__ import annotations

from pathlib import Path

import pytest
from strangers import Scratch, finished_methods, listed

SMALL = ("--set", "trials=1", "--set", "train.epochs=1")


@pytest.fixture(scope="module")
def projects(scratch: Scratch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a new adapter and a new method, both installed."""
    into = tmp_path_factory.mktemp("projects")
    for kind, name in (("adapter", "some-waves"), ("method", "soft-pairs")):
        scratch.mixup_multi("new", kind, name, "--into", into)
        scratch.install(into / name)
    return into


def test_their_names_are_found(scratch: Scratch, projects: Path) -> None:
    found = listed(scratch)
    assert "some_waves" in {row["adapter"] for row in found["adapters"]}
    (row,) = (row for row in found["methods"] if row["method"] == "soft_pairs")
    assert row["summary"].startswith("Rows meet partners")


@pytest.mark.parametrize("name", ["some-waves", "soft-pairs"])
def test_their_own_tests_pass(scratch: Scratch, projects: Path, name: str) -> None:
    assert "3 passed" in scratch.said("-m", "pytest", "-q", cwd=projects / name)


@pytest.mark.parametrize(
    ("name", "methods"),
    [
        ("some-waves", ["erm", "manifold_mixup", "mixup", "mixupe"]),
        ("soft-pairs", ["erm", "mixup", "soft_pairs"]),
    ],
)
def test_their_recipes_run(scratch: Scratch, projects: Path, name: str, methods: list[str]) -> None:
    module = name.replace("-", "_")
    scratch.mixup_multi("run", f"{module}.yaml", *SMALL, cwd=projects / name)
    assert finished_methods(projects / name / "runs" / module) == methods
