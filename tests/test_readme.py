"""The README tells the truth: its code runs, its recipe expands, its names exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mixup_multi.cli.plan import plan
from mixup_multi.objectives.mixupe import FORMS
from mixup_multi.recipe.shipped import shipped_recipes

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.mark.parametrize("code", blocks("python"))
def test_a_python_block_runs(code: str) -> None:
    names: dict[str, object] = {}
    exec(code, names)
    assert names.keys() & {"terms", "model"}
    if "terms" in names:
        assert names["terms"].total.isfinite()  # type: ignore[attr-defined]


@pytest.mark.parametrize("text", blocks("yaml"))
def test_a_recipe_block_expands(text: str, tmp_path: Path) -> None:
    path = tmp_path / "readme.yaml"
    whole = text.startswith("title:")
    path.write_text(text if whole else blocks("yaml")[0] + text)
    (planned,) = plan([str(path)], [])
    assert len(planned.templates) == (7 if "Some combinations" in text else 20)
    assert bool(planned.units) != whole


def test_the_recipes_that_it_names_are_shipped() -> None:
    for name in re.findall(r"mixup-multi (?:run|show) (\w+)", README):
        assert name in shipped_recipes(), name


def test_its_table_of_forms_is_complete() -> None:
    table = README.partition("| `form` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == set(FORMS)


def test_ci_finds_the_readmes_test_command() -> None:
    commands = [line for line in README.splitlines() if "-m pytest" in line]
    assert len(commands) == 1
    assert "pip install" in commands[0]
    assert "grep -F -- '-m pytest' README.md" in (ROOT / ".ci" / "run").read_text()
