"""A recipe of a page is a recipe: it loads, and expands to cells or analyses."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import DOCS, Fence, all_fences

from mixup_multi.cli.plan import plan

RECIPES = [fence for fence in all_fences("yaml") if fence.text.startswith("title:")]


@pytest.mark.parametrize("fence", RECIPES, ids=str)
def test_a_recipe_expands(fence: Fence, undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for example in (DOCS / "examples").glob("*/"):  # what a page has its reader install
        monkeypatch.syspath_prepend(str(example))
    path = undisturbed / "page.yaml"
    path.write_text(fence.text)
    (planned,) = plan([str(path)], [])
    assert planned.templates or planned.analyses
