"""A search chooses on validation parts only, resumes, and runs nothing twice."""

from __future__ import annotations

import builtins
import json
import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from mixup_multi.cli.results import finished_cells
from mixup_multi.cli.searches import search_states
from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.grid.protocol import record as protocol
from mixup_multi.grid.protocol.search import Decision, Ran, choose
from mixup_multi.grid.run import run_cells
from mixup_multi.grid.state import states_of
from mixup_multi.recipe.cell import Cell
from mixup_multi.recipe.schema import Recipe
from mixup_multi.recipe.search import Unit, expanded
from mixup_multi.report.build import build_report

GRID = {"over": {"methods.mixup.alpha": [0.1, 4.0], "train.lr": [0.0001, 0.01]}}
STUDY = {
    "over": {"methods.mixup.alpha": {"low": 0.05, "high": 2.0, "log": True}},
    "study": "optuna",
    "n": 4,
    "per": "dataset",
}


class StopError(Exception):
    """A kill, as far as this process can simulate one."""


@dataclass
class Search:
    """A recipe with a search, run in this process."""

    out: Path
    recipe: Recipe
    remember: Callable[..., Any]
    results: dict[str, Any] = field(default_factory=dict)
    trained: list[str] = field(default_factory=list)
    stop_after: int | None = None

    @property
    def units(self) -> list[Unit]:
        return expanded(self.recipe)[1]

    def __call__(self, cells: Sequence[Cell]) -> Ran:
        if self.stop_after is not None and len(self.trained) >= self.stop_after:
            raise StopError
        memory = self.remember()
        memory.cell_ends = lambda cell, result, *, fresh: self.results.update({cell.key: result})
        site = Site(self.out / "data", self.out, torch.device("cpu"))
        failed = {cell.key for cell in run_cells(cells, site, memory)}
        self.trained += memory.started
        return Ran(self.results, frozenset(failed))

    def run(self) -> list[Decision]:
        """Run the search and what follows from it."""
        ordinary, units = expanded(self.recipe)
        choices = choose(units, self.out, self, ordinary)
        self([cell for choice in choices for cell in choice.cells])
        return choices

    def chosen(self, choices: Sequence[Decision]) -> list[dict[str, Any]]:
        return [dict(c.cells[0].search.point) for c in choices if c.cells and c.cells[0].search]


@pytest.fixture
def make_search(tmp_path: Path, remember: type[Any]) -> Callable[..., Search]:
    """`make_search(search, **changes)`: on Iris with a validation part, below `out`."""

    def made(search: dict[str, Any], out: str = "out", **changes: Any) -> Search:
        part: dict[str, Any] = {
            "adapter": "tabular",
            "datasets": [{"name": "sklearn_iris", "validation": 0.2}],
            "models": [{"name": "mlp", "widths": [8]}],
            "methods": ["erm", "mixup"],
            "train": {"epochs": 3, "batch_size": 32},
            "search": search,
            **changes,
        }
        recipe = Recipe.model_validate_json(json.dumps({"title": "s", "parts": [part]}))
        return Search(tmp_path / out, recipe, remember)

    return made


Make = Callable[..., Search]


def test_a_method_is_searched_over_what_concerns_it(make_search: Make) -> None:
    units = make_search(GRID, trials=2).units
    assert [len(unit.grid()) for unit in units] == [2, 2, 4, 4]  # ERM has no alpha
    (unit,) = make_search({"over": {"methods.mixup.alpha": [1, 2]}}).units
    assert unit.templates[0].method.name == "mixup"


def test_the_least_validation_error_is_chosen_and_nothing_trained_twice(make_search: Make) -> None:
    search = make_search(GRID, trials=2)
    choices = search.run()
    assert len(search.trained) == len(set(search.trained)) == 12
    for choice in choices:
        errors = [
            search.results[cell.key]["validation_error"]
            for point in choice.unit.grid()
            for cell in choice.unit.trying(point)
        ]
        (cell,) = choice.cells
        assert search.results[cell.key]["validation_error"] == min(errors)
        told = cell.search.told if cell.search else {}
        assert told["score"] == min(errors)
    assert len({cell.key for choice in choices for cell in choice.cells} & {*search.trained}) == 4


def test_of_equal_points_the_first_is_chosen(make_search: Make) -> None:
    # a rate so small that no epoch changes any prediction
    search = make_search({"over": {"train.lr": [1e-12, 2e-12]}})
    assert search.chosen(search.run()) == [{"train.lr": 1e-12}] * 2


def test_a_shared_choice_is_made_by_the_first_trials_and_run_in_all(make_search: Make) -> None:
    shared = {**GRID, "per": "dataset", "trials": 2}
    search = make_search(shared, trials=3)
    _erm, mixup = search.run()
    assert len(search.trained) == 2 * (2 + 4) + 2
    assert [cell.seed for cell in mixup.cells] == [0, 1, 2]
    assert len({cell.method.canonical for cell in mixup.cells}) == 1
    scores = {
        str(point): sum(
            search.results[cell.key]["validation_error"] for cell in mixup.unit.trying(point)
        )
        for point in mixup.unit.grid()
    }
    assert mixup.cells[0].search is not None
    assert scores[str(mixup.cells[0].search.point)] == min(scores.values())


def test_the_labels_of_the_test_part_change_no_choice(
    make_search: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain = make_search(GRID, selection="best_validation")
    before = plain.run()
    real = Shelf.get

    def with_other_test_labels(shelf: Shelf, cell: Cell) -> Data:
        data = real(shelf, cell)
        if not data.key.startswith("other "):
            labels = data.test.labels
            object.__setattr__(data.test, "labels", (labels + 1) % len(data.classes))
            object.__setattr__(data, "key", f"other {data.key}")
        return data

    monkeypatch.setattr(Shelf, "get", with_other_test_labels)
    other = make_search(GRID, "other", selection="best_validation")
    after = other.run()
    assert plain.chosen(before) == other.chosen(after)
    tests = [[s.results[key]["test_error"] for key in s.trained] for s in (plain, other)]
    assert tests[0] != tests[1]  # the labels did change
    validated = [[s.results[key]["validation_error"] for key in s.trained] for s in (plain, other)]
    assert validated[0] == validated[1]


def test_the_validation_part_decides(make_search: Make) -> None:
    search = make_search({"over": {"train.lr": [0.0001, 0.01]}}, methods=["erm"])
    (choice,) = search.run()
    keys = {cell.train.lr: cell.key for p in choice.unit.grid() for cell in choice.unit.trying(p)}
    results = {key: dict(result) for key, result in search.results.items()}
    for rate, error in ((0.0001, 1.0), (0.01, 2.0)):
        results[keys[rate]]["validation_error"] = error
    for first in (0.0001, 0.01):
        (again,) = choose([choice.unit], search.out, lambda _: Ran(results, frozenset()))
        assert again.cells[0].train.lr == first
        results[keys[0.0001]]["validation_error"] = 3.0


def test_an_interrupted_search_goes_on(make_search: Make) -> None:
    whole = make_search(GRID, "whole")
    expected = whole.chosen(whole.run())
    search = make_search(GRID, "part")
    cells = [cell for unit in search.units for p in unit.grid() for cell in unit.trying(p)]
    search(cells[:3])
    again = make_search(GRID, "part")
    assert again.chosen(again.run()) == expected
    assert len(again.trained) == 6 - 3
    assert {key: r["test_error"] for key, r in again.results.items()} == {
        key: r["test_error"] for key, r in whole.results.items()
    }


def test_a_failed_point_is_not_chosen(make_search: Make) -> None:
    search = make_search(
        {"over": {"train.lr": [1e30, 0.01]}, "by": "validation_loss"},
        train={"epochs": 2, "optimizer": "sgd"},
    )
    choices = search.run()
    assert search.chosen(choices) == [{"train.lr": 0.01}] * 2
    assert all(c.cells[0].search and c.cells[0].search.told["failed"] == 1 for c in choices)
    none = make_search({"over": {"train.lr": [1e30]}}, "none", train={"optimizer": "sgd"})
    assert [choice.cells for choice in none.run()] == [(), ()]


def test_plan_counts_what_waits_and_what_is_chosen(make_search: Make) -> None:
    search = make_search(GRID, trials=2)

    def states() -> Any:
        return search_states([], search.units, search.out, lambda c: states_of(c, search.out))

    before = states()
    assert (len(before.states), before.waiting, before.unasked) == (12, 4, 0)
    search.run()
    after = states()
    assert after.waiting == 0
    assert {state.state for state in after.states} == {"done"}
    assert sum("chosen for sklearn_iris / mlp / mixup" in line for line in after.lines) == 1


def test_the_report_shows_the_chosen_and_leaves_the_tried_out(make_search: Make) -> None:
    search = make_search(GRID, trials=2, selection="best_validation")
    choices = search.run()
    found = build_report(search.out, paper=False, pictures=False)
    (section,) = found.sections
    errors = section.sheet("errors")
    assert errors is not None
    (row,) = errors.rows
    cells = [cell for choice in choices for cell in choice.cells]
    shown = finished_cells(cells, search.results, search.out)
    for column, method in ((2, "erm"), (3, "mixup")):
        own = [cell.test_error for cell in shown.finished if cell.method == method]
        assert row[column].value == pytest.approx(sum(own) / 2)  # the terminal's and the report's
    assert any("8 further cells served a search only" in r.text for r in found.remarks)
    assert section.sheet("search") is not None


def test_a_cell_of_its_own_right_stays_when_a_search_tries_it(
    make_search: Make, make_grid: Callable[..., Any], tmp_path: Path
) -> None:
    fixed = make_search({"over": {"train.lr": [0.01]}}, train={"epochs": 3, "batch_size": 32})
    tried = fixed.units[0].trying({"train.lr": 0.01})[0]
    plain = make_search(
        {"over": {"methods.mixup.alpha": [1.0]}}, train={"epochs": 3, "batch_size": 32, "lr": 0.01}
    )
    ordinary, _ = expanded(plain.recipe)
    assert ordinary[0].key == tried.key
    plain(ordinary)
    two = make_search({"over": {"train.lr": [0.01, 0.1]}})
    two([cell for unit in two.units for point in unit.grid() for cell in unit.trying(point)])
    entries = protocol.read_protocol(two.out)
    assert ordinary[0].folder not in entries
    assert sum("tried" in entry for entry in entries.values()) == 3


# optuna


def test_a_study_tries_n_points_and_the_best_is_run(make_search: Make) -> None:
    pytest.importorskip("optuna")
    search = make_search(STUDY, trials=2)
    (choice,) = search.run()
    assert len(search.trained) == 2 + 4 + 1  # ERM; the study; the second trial of the chosen
    assert (search.out / "search.sqlite").exists()
    assert choice.cells[0].search is not None
    assert choice.cells[0].search.told["points"] == 4
    again = make_search(STUDY, trials=2)
    assert again.chosen(again.run()) == search.chosen([choice])
    assert again.trained == []
    more = make_search({**STUDY, "n": 5}, trials=2)
    more.run()
    assert len(more.trained) in (1, 2)  # the fifth point, and where it is better its second trial


def test_a_stopped_study_proposes_what_it_would_have(make_search: Make) -> None:
    pytest.importorskip("optuna")
    whole = make_search({**STUDY, "n": 13}, "whole", train={"epochs": 1})  # past random points
    expected = whole.chosen(whole.run())
    for stop in (3, 7):
        first = make_search({**STUDY, "n": 13}, "part", train={"epochs": 1})
        first.stop_after = stop
        with pytest.raises(StopError):
            first.run()
    again = make_search({**STUDY, "n": 13}, "part", train={"epochs": 1})
    assert again.chosen(again.run()) == expected
    assert again.results.keys() == whole.results.keys()


def test_where_data_is_missing_a_study_asks_for_no_more(make_search: Make) -> None:
    optuna = pytest.importorskip("optuna")
    search = make_search(STUDY)
    (decision,) = choose(search.units, search.out, lambda _: Ran({}, frozenset()))
    assert decision.cells == ()
    storage = f"sqlite:///{search.out / 'search.sqlite'}"
    (name,) = optuna.get_all_study_names(storage)
    assert len(optuna.load_study(storage=storage, study_name=name).trials) == 1


def test_a_failed_point_is_told_as_failed(make_search: Make) -> None:
    optuna = pytest.importorskip("optuna")
    over = {"train.lr": [1e30]}
    search = make_search(
        {**STUDY, "over": over, "n": 2}, methods=["erm"], train={"optimizer": "sgd"}
    )
    (choice,) = search.run()
    assert choice.cells == ()
    storage = f"sqlite:///{search.out / 'search.sqlite'}"
    (name,) = optuna.get_all_study_names(storage)
    trials = optuna.load_study(storage=storage, study_name=name).trials
    assert [trial.state.name for trial in trials] == ["FAIL", "FAIL"]


def test_without_optuna_the_extra_is_named(
    make_search: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name == "optuna":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    search = make_search(STUDY)
    with pytest.raises(SettingError, match=r"pip install 'mixup-multi\[hpo\]'"):
        search.run()
    assert search.trained == []


def test_a_killed_study_goes_on_with_the_same_points(make_search: Make) -> None:
    pytest.importorskip("optuna")
    over = {**STUDY["over"], "train.lr": [0.001, 0.01]}
    options = {"methods": ["mixup"], "train": {"epochs": 30, "batch_size": 16}}
    search = make_search({**STUDY, "over": over, "n": 5}, "part", **options)
    make_search({**STUDY, "n": 1}, "warm", **options).run()  # so that the child imports nothing
    child = os.fork()
    if not child:
        search.run()
        os._exit(0)
    while not list(search.out.glob("cells/*/result.json")):
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert len(list(search.out.glob("cells/*/result.json"))) < 5
    whole = make_search({**STUDY, "over": over, "n": 5}, "whole", **options)
    assert search.chosen(search.run()) == whole.chosen(whole.run())
    part, straight = (
        {path.name: (path / "outputs.pt").read_bytes() for path in one.out.glob("cells/*")}
        for one in (search, whole)
    )
    assert len(straight) == 5
    assert part == straight
    assert protocol.read_protocol(search.out) == protocol.read_protocol(whole.out)
