"""Recipes are read strictly, and every mistake is answered with file, line and a way out."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mixup_multi import door
from mixup_multi.cli.plan import plan
from mixup_multi.errors import MixupMultiError, SettingError
from mixup_multi.objectives import ERM, Objective, Terms, Vicinal
from mixup_multi.recipe.cell import Cell
from mixup_multi.recipe.load import Document, find_recipe

GOOD = """\
title: a test
adapter: tabular
datasets:
  - sklearn_iris
  - {name: sklearn_wine, label: Wine}
models: [mlp]
methods:
  - erm
  - name: mixup
    alpha: 0.4
trials: 2
train:
  epochs: 3
"""


QUICKSTART_KEYS = ["532da22e146d", "4a68c9a8a29a", "6f91159c3a20", "4e4ed154846c"]
"""Of the first cells, as they were when only mixup, Manifold Mixup, CutMix and MixupE were here."""


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.yaml"
    path.write_text(GOOD)
    return path


def _wrong(path: Path, old: str, new: str) -> str:
    """Return the message for a recipe with one change."""
    text = GOOD.replace(old, new)
    assert text != GOOD
    path.write_text(text)
    with pytest.raises(SettingError) as caught:
        plan([str(path)], [])
    return str(caught.value)


def test_what_a_column_is_stands_at_the_top_for_all_parts(recipe: Path) -> None:
    recipe.write_text(GOOD.replace("adapter:", "columns: system\nadapter:"))
    (planned,) = plan([str(recipe)], [])
    assert {cell.columns for cell in planned.cells} == {"system"}
    part = "adapter: tabular\nparts:\n  - columns: system"
    said = _wrong(recipe, "adapter: tabular", part)
    assert "recipe.yaml:4: 'columns' is said of a whole recipe, not of a part;" in said
    assert "columns" in _wrong(recipe, "adapter:", "columns: row\nadapter:")


def test_lists_multiply(recipe: Path) -> None:
    (planned,) = plan([str(recipe)], [])
    assert len(planned.cells) == 2 * 1 * 2 * 2
    assert {cell.seed for cell in planned.cells} == {0, 1}
    assert {cell.dataset.label for cell in planned.cells} == {"sklearn_iris", "Wine"}
    assert len({cell.key for cell in planned.cells}) == 8


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("trials: 2", "trails: 2", 11, "unknown key 'trails'; did you mean 'trials'?"),
        ("trials: 2", "trials: two", 11, "trials is 'two'"),
        ("trials: 2", "trials: true", 11, "trials is True"),
        ("trials: 2", "trials: 0", 11, "greater than or equal to 1"),
        ("epochs: 3", "epoch: 3", 13, "unknown key 'epoch'; did you mean 'epochs'?"),
        ("epochs: 3", "epochs: 1.5", 13, "train.epochs is 1.5"),
        ("  - erm", "  - ern", 8, "there is no objective 'ern'; did you mean 'erm'?"),
        ("alpha: 0.4", "alhpa: 0.4", 10, "unknown setting 'alhpa'; did you mean 'alpha'?"),
        ("alpha: 0.4", "alpha: much", 10, "alpha is 'much'"),
        ("[mlp]", "[mpl]", 6, "there is no model 'mpl'; did you mean 'mlp'?"),
        ("- sklearn_iris", "- sklearn_irsi", 4, "did you mean 'sklearn_iris'?"),
        ("label: Wine", "tset: 0.2", 5, "unknown setting 'tset'; did you mean 'test'?"),
        ("adapter: tabular", "adapter: tables", 2, "there is no adapter 'tables'"),
        ("adapter: tabular", "adapter: nowhere:Adapter", 2, "cannot be imported"),
        ("trials: 2", "trials: 2\ntrials: 3", 12, "duplicate key"),
        ("[mlp]", "[mlp", 7, "not valid YAML"),
        ("trials: 2", "paper: mixupe_tables", 11, "no published table 'mixupe_tables'"),
        ("title: a test\n", "", None, "title: this setting is missing"),
        ("title: a test", "titel: a test", 1, "did you mean 'title'"),
        ("models: [mlp]", "model: [mlp]", 6, "did you mean 'models'"),
        ("label: Wine", "lable: Wine", 5, "did you mean 'label'"),
        ("alpha: 0.4", "erm_epoch: 1", 10, "did you mean 'erm_epochs'"),
        ("  - erm", "  - {name: mixup, alpha: 1.0}", None, "both shown as"),
        ("  - erm", "  - {name: mixup, label: A, alpha: 0.4}", None, "under two labels"),
        ("  - erm", "  - {name: mixupe, inner: {name: 3}}", 8, "expected an objective"),
        ("adapter: tabular", "adapter: os:path", 2, "is no adapter"),
        ("adapter: tabular", "adapter: ':X'", 2, "cannot be imported"),
        ("trials: 2", "seed: 5000000000", 11, "less than"),
        ("trials: 2", "? [a, b]\n: 1", None, "not plain text"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    recipe: Path, old: str, new: str, line: int | None, said: str
) -> None:
    message = _wrong(recipe, old, new)
    assert said in message
    where = f"{recipe}:{line}:" if line else f"{recipe}:"
    assert message.startswith(where), message


def test_a_mistake_in_a_part_is_named_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "parts.yaml"
    path.write_text(
        "title: two\nmethods: [erm]\nparts:\n"
        "  - {adapter: tabular, datasets: [sklearn_iris], models: [mlp]}\n"
        "  - adapter: tabular\n    datasets: [sklearn_wine]\n    models: [mlpp]\n"
    )
    with pytest.raises(SettingError, match=r"parts.yaml:7: .*did you mean 'mlp'"):
        plan([str(path)], [])


def test_words_that_yaml_1_1_takes_for_booleans_stay_words(tmp_path: Path) -> None:
    path = tmp_path / "words.yaml"
    path.write_text("title: yes\nsource: off\nnotes: [no, on]\n")
    assert dict(Document(path).content) == {"title": "yes", "source": "off", "notes": ["no", "on"]}


def test_set_changes_a_key_also_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "parts.yaml"
    path.write_text(
        "title: two\nmethods: [erm]\ntrain: {epochs: 9}\nparts:\n"
        "  - {adapter: tabular, datasets: [sklearn_iris], models: [mlp], train: {epochs: 5}}\n"
        "  - {adapter: tabular, datasets: [sklearn_wine], models: [mlp]}\n"
    )
    (before,) = plan([str(path)], [])
    assert [cell.train.epochs for cell in before.cells] == [5, 9]
    (after,) = plan([str(path)], ["train.epochs=2", "trials=2"])
    assert [cell.train.epochs for cell in after.cells] == [2] * 4
    (models,) = plan([str(path)], ["models=[logistic]"])
    assert {cell.model.name for cell in models.cells} == {"logistic"}


def test_a_single_part_has_its_lines(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text(
        "title: one\nadapter: tabular\nmethods: [erm, mixpu]\nparts:\n"
        "  - datasets: [sklearn_iris]\n    models: [mlp]\n"
    )
    with pytest.raises(SettingError, match=r"one.yaml:3: .*did you mean 'mixup'"):
        plan([str(path)], [])


class Noise(Objective):
    """A stranger's method, as a class with a constructor."""

    def __init__(self, sigma: float, clip: bool = False) -> None:
        self.sigma, self.clip = sigma, clip

    def draw(self, targets, generator):  # type: ignore[no-untyped-def]
        return None

    def loss(self, model, batch, draw):  # type: ignore[no-untyped-def]
        return Terms((model(batch.inputs) ** 2).mean() * self.sigma)


@dataclass(frozen=True)
class Listed(Noise):
    """A stranger's dataclass whose default is made anew for each."""

    sigma: float = 0.1
    scales: list[float] = field(default_factory=lambda: [1.0, 2.0])


def test_a_field_whose_default_is_made_has_what_is_made() -> None:
    assert door.settings_of(Listed)["scales"] == (list[float], [1.0, 2.0])
    assert door.check_settings(Listed, {}) == {"sigma": 0.1, "scales": [1.0, 2.0]}
    assert list(door.build(Listed, settings=door.check_settings(Listed, {})).scales) == [1.0, 2.0]
    assert door.check_settings(Listed, {"scales": [3.0]})["scales"] == [3.0]


@dataclass(frozen=True)
class Around(Objective):
    """A stranger's wrapper of plain training, unless the recipe says of what."""

    inner: Objective = field(default_factory=ERM)

    def draw(self, targets, generator):  # type: ignore[no-untyped-def]
        return self.inner.draw(targets, generator)

    def loss(self, model, batch, draw):  # type: ignore[no-untyped-def]
        return self.inner.loss(model, batch, draw)


@pytest.mark.parametrize(("asked", "made"), [({}, ERM), ({"inner": {"name": "mixup"}}, Vicinal)])
def test_a_method_within_that_is_not_given_is_the_default(
    asked: dict[str, Any], made: type
) -> None:
    built = door.build(Around, settings=door.check_settings(Around, asked))
    assert isinstance(built.inner, made)


def test_a_strangers_class_has_its_constructors_settings() -> None:
    assert door.check_settings(Noise, {"sigma": 0.3}) == {"sigma": 0.3, "clip": False}
    assert door.build(Noise, settings={"sigma": 0.3, "clip": True}).clip
    with pytest.raises(SettingError, match="did you mean 'sigma'"):
        door.check_settings(Noise, {"sigmma": 0.3})
    with pytest.raises(SettingError, match="expected an objective"):
        door.build_objective({"name": "os:getcwd"})
    with pytest.raises(SettingError, match="sigma: this setting is missing"):
        door.check_settings(Noise, {})


@pytest.mark.parametrize("bad", ["train.epochs", "=3", "title.x=1", "train.epochs=[1"])
def test_a_bad_set_is_explained(recipe: Path, bad: str) -> None:
    with pytest.raises(SettingError, match="--set"):
        plan([str(recipe)], [bad])


def test_a_recipe_is_found_by_path_or_name() -> None:
    assert find_recipe("quickstart").name == "quickstart.yaml"
    assert find_recipe("recipes/quickstart.yaml").name == "quickstart.yaml"
    with pytest.raises(SettingError, match="did you mean 'quickstart'"):
        find_recipe("quikstart")


def test_renaming_changes_no_key_and_alpha_does(recipe: Path, tmp_path: Path) -> None:
    def keys(text: str, name: str) -> set[str]:
        path = tmp_path / name
        path.write_text(text)
        return {cell.key for cell in plan([str(path)], [])[0].cells}

    first = keys(GOOD, "a.yaml")
    assert keys(GOOD.replace("a test", "another").replace("Wine", "wine"), "b.yaml") == first
    assert keys(GOOD + "  checkpoint_seconds: 5\n", "c.yaml") == first
    other = keys(GOOD.replace("0.4", "0.5"), "d.yaml")
    assert len(other & first) == 4  # the ERM cells stay
    assert keys(GOOD.replace("alpha: 0.4", "alpha: 0.4\n    per: batch"), "e.yaml") == first


def test_settings_that_came_later_change_no_key_of_what_was_trained_before(
    recipe: Path, tmp_path: Path
) -> None:
    def cells(text: str) -> list[Cell]:
        path = tmp_path / "a.yaml"
        path.write_text(text)
        return plan([str(path)], [])[0].cells

    keys = [cell.key for cell in plan(["quickstart"], [])[0].cells[:4]]
    assert keys == QUICKSTART_KEYS
    first, spelt = (cells(text) for text in (GOOD, GOOD.replace("0.4", "0.4\n    p: 1.0")))
    assert [cell.key for cell in spelt] == [cell.key for cell in first]
    assert [cell.record() for cell in spelt] == [cell.record() for cell in first]
    sometimes = cells(GOOD.replace("0.4", "0.4\n    p: 0.5"))
    assert len({cell.key for cell in sometimes} & {cell.key for cell in first}) == 4  # ERM's
    assert sometimes[-1].method.settings["p"] == 0.5
    nested = "{name: mixupe, inner: {name: mixup, p: %s}}"
    one, half = (cells(GOOD.replace("- erm", f"- {nested % p}"))[0] for p in (1.0, 0.5))
    assert one.key != half.key
    assert "p" not in one.method.settings["inner"]
    file = "{name: file, path: a.csv%s}"
    tasks = ("", ", task: classification", ", task: regression")
    plain, named, other = (cells(GOOD.replace("- sklearn_iris", f"- {file % t}"))[0] for t in tasks)
    assert "task" not in plain.dataset.settings
    assert plain.key == named.key != other.key


MUTATIONS = st.sampled_from(
    ["", "x", "0", "-1", "[]", "{}", "null", "true", "1e999", ".nan", "'", "\t", "&a *a", "!!set"]
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(line=st.integers(0, GOOD.count("\n") - 1), value=MUTATIONS, whole=st.booleans())
def test_a_mutated_recipe_plans_or_says_why(
    tmp_path: Path, line: int, value: str, whole: bool
) -> None:
    lines = GOOD.splitlines()
    head = lines[line].partition(":")[0]
    lines[line] = value if whole else f"{head}: {value}"
    path = tmp_path / "mutated.yaml"
    path.write_text("\n".join(lines) + "\n")
    said, cells = str(path), []
    try:
        cells = [cell.record() for cell in plan([str(path)], [])[0].cells]
    except MixupMultiError as error:
        said = str(error)
    assert str(path) in said
    json.dumps(cells)
