"""The pages about the kit say what it does: the tables of rules, and the method of the how-to."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from command_line import mixup_multi

from mixup_multi.errors import SettingError
from mixup_multi.testing import rules, rules_table
from mixup_multi.testing.contract import BOOK

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_of_contracts_has_a_table_of_every_kind() -> None:
    page = (DOCS / "reference" / "contracts.md").read_text()
    for kind in BOOK:
        assert f"## {kind}\n" in page
        assert f"<!-- generated: rules {kind} -->" in page


@pytest.mark.parametrize("kind", sorted(BOOK))
def test_every_rule_is_one_sentence(kind: str) -> None:
    names = [rule.name for rule in rules(kind)]
    assert len(set(names)) == len(names)
    for rule in rules(kind):
        assert rule.says.endswith("."), rule.name
        assert f"| `{rule.name}` | {rule.says} |" in rules_table(kind)


def test_a_kind_that_is_not_there_is_answered() -> None:
    with pytest.raises(SettingError, match="'objectives'; did you mean 'objective'"):
        rules("objectives")


def test_the_kit_imports_no_test_runner_and_no_modality() -> None:
    script = "import sys, mixup_multi.testing; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    loaded = {name.partition(".")[0] for name in done.stdout.split()}
    heavy = {"pytest", "torchvision", "torchaudio", "torch_geometric", "openml", "pandas"}
    assert "torch" in loaded
    assert not loaded & {*heavy, "matplotlib", "ray", "mixup_multi_adapters"}


def test_the_method_of_the_how_to_passes_its_test_and_runs(tmp_path: Path) -> None:
    folder = shutil.copytree(DOCS / "examples" / "dominant", tmp_path / "dominant")
    subprocess.run([sys.executable, "-m", "pytest", "-q", "."], cwd=folder, check=True)
    options = ("--set", "train.epochs=1", "--set", "trials=1", "--out", tmp_path / "runs")
    said = mixup_multi("run", "dominant.yaml", *options, cwd=folder)
    assert said.code == 0, said.err
    assert "dominant mixup" in said.out + said.err
