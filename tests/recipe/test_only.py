"""`--only`: which cells the words ask for, whose cells they stay, and what else is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from mixup_multi.cli.plan import Planned, plan
from mixup_multi.errors import SettingError
from mixup_multi.recipe.cell import Cell

GRID = """\
title: a grid
adapter: tabular
models: [{name: mlp, label: MLP}]
methods:
  - {name: erm, label: ERM}
  - {name: mixup, label: Mixup, alpha: 0.4}
  - {name: mixup, label: Mixup 1, alpha: 1.0}
trials: 2
train: {epochs: 2}
parts:
  - {datasets: [{name: sklearn_iris, label: Iris}], train: {batch_size: 16}}
  - {datasets: [{name: sklearn_wine, label: Wine}, sklearn_breast_cancer]}
  - {datasets: [{name: sklearn_wine, label: Wine}], models: [logistic_regression], methods: [erm]}
"""


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    (tmp_path / "grid.yaml").write_text(GRID)
    return str(tmp_path / "grid.yaml")


def cells(recipe: str, *only: str) -> list[Cell]:
    return [cell for item in plan([recipe], [], only) for cell in item.cells]


def places(recipe: str, *only: str) -> set[str]:
    """Return what is asked for, a line for each data set, model and method."""
    return {
        " / ".join(choice.label for choice in cell.choices().values())
        for cell in cells(recipe, *only)
    }


def test_words_of_one_kind_widen_and_kinds_narrow(recipe: str) -> None:
    assert places(recipe, "Iris", "ERM", "Mixup 1") == {"Iris / MLP / ERM", "Iris / MLP / Mixup 1"}
    assert places(recipe, "Iris", "Wine", "MLP", "ERM") == {"Iris / MLP / ERM", "Wine / MLP / ERM"}
    assert len(cells(recipe, "Iris")) == 3 * 2  # all methods, all trials


def test_cells_are_those_of_the_whole_recipe_in_its_order(recipe: str) -> None:
    """Keys, the parts' own settings and what else decides a number or a table are as in the whole.

    `--only` therefore is a filter: what it keeps equals what the whole has there.
    """
    whole = cells(recipe)
    assert cells(recipe, "Iris") == [cell for cell in whole if cell.dataset.label == "Iris"]
    assert {cell.train.batch_size for cell in cells(recipe, "Iris")} == {16}
    keys = [cell.key for cell in whole if cell.method.label == "ERM"]
    assert [cell.key for cell in cells(recipe, "ERM")] == keys


def test_a_label_goes_before_names_and_both_before_upper_case(recipe: str) -> None:
    def methods(word: str) -> set[str]:
        return {cell.method.label for cell in cells(recipe, word)}

    assert methods("Mixup") == {"Mixup"}
    assert methods("mixup") == {"Mixup", "Mixup 1"}  # the name of both
    assert methods("MIXUP") == {"Mixup"}
    assert methods("method=Mixup") == {"Mixup"}
    assert {cell.dataset.label for cell in cells(recipe, "SKLEARN_IRIS")} == {"Iris"}


def test_what_is_unknown_is_answered_with_what_there_is(recipe: str) -> None:
    with pytest.raises(SettingError) as caught:
        plan([recipe], [], ["Irs"])
    said = str(caught.value)
    assert "--only 'Irs': nothing in grid has this label or name; did you mean 'Iris'?" in said
    assert "data sets: Iris, Wine, sklearn_breast_cancer; models: MLP, logistic_regression" in said
    assert said.endswith("methods: ERM, Mixup, 'Mixup 1', erm")  # as a shell takes them
    with pytest.raises(SettingError, match=r"'model=Iris'.* Known models: MLP, logistic_reg"):
        plan([recipe], [], ["model=Iris"])


def test_a_word_that_the_others_leave_no_cell_is_no_silent_loss(recipe: str) -> None:
    with pytest.raises(SettingError, match="no cell of grid has it together with --only Mixup;"):
        plan([recipe], [], ["logistic_regression", "Mixup"])
    with pytest.raises(SettingError, match="--only 'logistic_regression': no cell"):
        plan([recipe], [], ["MLP", "logistic_regression", "Mixup"])


def test_a_word_of_two_kinds_wants_its_kind(tmp_path: Path) -> None:
    path = tmp_path / "two.yaml"
    path.write_text(
        "title: two\nadapter: tabular\ndatasets: [sklearn_iris, {name: sklearn_wine, label: MLP}]\n"
        "models: [{name: mlp, label: MLP}]\nmethods: [erm]\n"
    )
    with pytest.raises(SettingError, match="expected --only dataset=MLP or --only model=MLP"):
        plan([str(path)], [], ["MLP"])
    (cell,) = cells(str(path), "dataset=MLP")
    assert cell.dataset.name == "sklearn_wine"
    assert len(cells(str(path), "model=MLP")) == 2


def test_of_several_recipes_those_without_any_are_left_out_and_it_is_said(
    recipe: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "other.yaml").write_text(
        "title: other\nadapter: tabular\ndatasets: [sklearn_wine]\nmodels: [mlp]\nmethods: [erm]\n"
    )
    names = [str(tmp_path / "other.yaml"), recipe]
    (only_grid,) = plan(names, [], ["Iris"])
    assert only_grid.name == "grid"
    assert "other is left out: it has nothing of what --only asks for" in capsys.readouterr().err
    both = plan(names, [], ["erm"])  # a label of the one, a name in the other
    assert [len(item.cells) for item in both] == [1, 2]
    assert capsys.readouterr().err == ""


def test_how_much_is_asked_for_is_known_and_the_whole_is_no_part(recipe: str) -> None:
    def part_of(*only: str) -> str | None:
        (item,) = plan([recipe], [], only)
        return None if item.part is None else str(item.part)

    assert part_of() is None
    assert part_of("Mixup 1") == "6 of its 20 cells (--only 'Mixup 1')"
    assert part_of("Iris", "Wine", "sklearn_breast_cancer") is None


SEARCH = """\
title: a search
adapter: tabular
datasets: [{name: sklearn_iris, label: Iris, validation: 0.2}]
models: [mlp]
methods: [erm, {name: mixup, label: Mixup}]
trials: 2
search: {over: {methods.Mixup.alpha: [0.1, 0.4]}}
"""


def test_choices_of_a_search_are_asked_for_by_their_method(tmp_path: Path) -> None:
    (tmp_path / "search.yaml").write_text(SEARCH)

    def asked(*only: str) -> Planned:
        (item,) = plan([str(tmp_path / "search.yaml")], [], only)
        return item

    assert (len(asked().cells), len(asked().units)) == (2, 2)
    assert (asked("Mixup").cells, asked("Mixup").units) == ((), asked().units)
    assert (asked("erm").cells, asked("erm").units) == (asked().cells, ())
    assert str(asked("erm").part) == "2 of its 4 cells (--only erm)"


def test_analyses_are_asked_for_by_their_labels() -> None:
    (whole,) = plan(["theory_taylor"], [])
    label = whole.analyses[1].label
    (item,) = plan(["theory_taylor"], [], [label])
    assert item.analyses == (whole.analyses[1],)
    assert str(item.part).startswith(f"1 of its {len(whole.analyses)} analyses (--only ")


GONE = "parts=[{datasets: [{name: sklearn_iris, label: Iris}]}]"
TAKEN_ALONG = "parts=[{datasets: [{name: sklearn_iris, label: Iris}], train: {batch_size: 16}}]"
ANOTHER = "parts=[{datasets: [{name: sklearn_wine, label: Wine}]}]"


def test_settings_that_go_with_replaced_parts_are_told(
    recipe: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (item,) = plan([recipe], [GONE])
    assert {cell.train.batch_size for cell in item.cells} == {128}
    said = capsys.readouterr().err
    assert "replaces the parts of grid.yaml" in said
    assert "is gone: train.batch_size=16." in said
    assert "--only" in said
    plan([recipe], [TAKEN_ALONG])
    plan([recipe], [ANOTHER])  # whose part had no settings of its own
    assert capsys.readouterr().err == ""
