"""Any valid recipe expands into its cells and comes back from every form it is stored in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from any_recipe import VALID, written
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixup_multi.cli.plan import Planned, plan
from mixup_multi.recipe.expand import cells_of
from mixup_multi.recipe.schema import Recipe

QUIET = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def planned(content: dict[str, Any], path: Path) -> Planned:
    path.write_bytes(written(content))
    (found,) = plan([str(path)], [])
    return found


@QUIET
@given(content=VALID)
def test_a_valid_recipe_expands_and_comes_back(content: dict[str, Any], tmp_path: Path) -> None:
    found = planned(content, tmp_path / "a.yaml")
    lists = (content[kind] for kind in ("datasets", "models", "methods"))
    n = content.get("trials", 1)
    for entries in lists:
        n *= len(entries)
    assert len(found.cells) == len({cell.folder for cell in found.cells}) == n
    assert found.recipe.title == content["title"]
    assert list(found.recipe.notes) == content.get("notes", [])
    again = Recipe.model_validate_json(found.recipe.model_dump_json())
    assert again == found.recipe
    assert [cell.key for cell in cells_of(again)] == [cell.key for cell in found.cells]
    for cell in found.cells:
        record = json.loads(json.dumps(cell.record(), allow_nan=False))
        assert record["method"]["settings"] == cell.method.settings
        assert record["key"] == cell.key


@QUIET
@given(content=VALID, order=st.randoms(use_true_random=False), title=st.text("ab", min_size=1))
def test_order_of_keys_title_and_labels_decide_nothing(
    content: dict[str, Any], order: Any, title: str, tmp_path: Path
) -> None:
    keys = list(content)
    order.shuffle(keys)
    other = {key: content[key] for key in keys} | {"title": title}
    other["methods"] = [{**one, "label": f"other {one['label']}"} for one in content["methods"]]
    first, second = planned(content, tmp_path / "a.yaml"), planned(other, tmp_path / "b.yaml")
    assert [cell.key for cell in first.cells] == [cell.key for cell in second.cells]
