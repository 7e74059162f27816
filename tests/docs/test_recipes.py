"""A recipe of a page is a recipe: it loads, and expands to cells or analyses.

A fragment, which has no title, is taken as a part of a small recipe, so its keys are a recipe's.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import DOCS, Fence, all_fences
from ruamel.yaml import YAML

from mixup_multi.cli.plan import plan
from mixup_multi.errors import SettingError

FRAME = {
    "title": "title: A fragment's",
    "adapter": "adapter: tabular",
    "datasets": "datasets: [{name: sklearn_wine, validation: 0.2}]",
    "models": "models: [mlp]",
    "methods": "methods: [mixup]",
}


def completed(text: str) -> str:
    """Return a recipe: the text, after the lines of the frame whose keys it lacks."""
    if text.startswith("title:"):
        return text
    given = YAML(typ="safe").load(text)
    return "\n".join([*(line for key, line in FRAME.items() if key not in given), text])


@pytest.mark.parametrize("fence", all_fences("yaml"), ids=str)
def test_a_recipe_expands(fence: Fence, undisturbed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for example in (DOCS / "examples").glob("*/"):  # what a page has its reader install
        monkeypatch.syspath_prepend(str(example))
    path = undisturbed / "page.yaml"
    path.write_text(completed(fence.text))
    (planned,) = plan([str(path)], [])
    assert planned.templates or planned.analyses


def test_a_fragment_is_judged(undisturbed: Path) -> None:
    path = undisturbed / "page.yaml"
    path.write_text(completed("search:\n  over: {methods.mixup.alhpa: [0.1, 0.2]}\n"))
    with pytest.raises(SettingError, match="did you mean 'alpha'"):
        plan([str(path)], [])
