"""Cells that train together: the same results, whatever becomes of their company."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import torch

from mixup_multi.grid.cells import cell as cell_module
from mixup_multi.grid.cells.attempt import Attempt, Outcome
from mixup_multi.grid.cells.teams import Plan
from mixup_multi.grid.folder.locks import locked
from mixup_multi.grid.folder.shelf import Shelf


def together(grid: Any) -> list[int]:
    """Return how many shared the training of each cell."""
    folders = [grid.folder(number) for number in range(len(grid.cells))]
    return [json.loads((f / "environment.json").read_text())["trained_together"] for f in folders]


def near(grid: Any, other: Any) -> bool:
    """Return whether the cells' logits are equal up to rounding."""
    first, second = grid.logits(), other.logits()
    return first.keys() == second.keys() and all(
        torch.allclose(first[name], second[name], rtol=1e-3, atol=1e-4) for name in first
    )


def left_behind(grid: Any) -> list[Any]:
    return list((grid.site.out / "cohorts").glob("*"))


@pytest.fixture
def alone(make_grid: Callable[..., Any], tmp_path: Any) -> Any:
    made = make_grid(tmp_path / "alone")
    made.run(cohorts=False)
    return made


def test_a_cohort_gives_the_results_of_its_cells_alone(grid: Any, alone: Any) -> None:
    memory = grid.run()
    assert together(grid) == [4, 4, 4, 4]
    assert together(alone) == [1, 1, 1, 1]
    assert near(grid, alone)
    assert (len(memory.started), len(memory.ended), memory.epochs) == (4, 4, 12)
    assert left_behind(grid) == []
    for number in range(4):
        saved = torch.load(grid.folder(number) / "checkpoint.pt", weights_only=True)
        assert saved["epoch"] == 3


def test_where_a_cohort_fails_as_a_whole_its_cells_go_on_one_by_one(
    grid: Any, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise RuntimeError("no room for all of them")

    monkeypatch.setattr(cell_module, "train_cohort", broken)
    memory = grid.run()
    assert any("go on one by one" in said and "no room" in said for said in memory.said)
    assert not memory.failed
    assert grid.same_bits(alone)
    assert left_behind(grid) == []


def test_members_of_an_interrupted_cohort_can_go_on_alone(
    make_grid: Callable[..., Any], remember: Callable[..., Any], tmp_path: Any
) -> None:
    grid, whole = (make_grid(tmp_path / name, train={"epochs": 6}) for name in ("out", "whole"))
    whole.run()
    _interrupted(grid, remember(), 13)
    assert left_behind(grid)
    rest = grid.run(cohorts=False)
    assert rest.epochs == 4 * 6 - 16  # the cohort's fourth epoch had been saved
    assert near(grid, whole)
    assert together(grid) == [4, 4, 4, 4]  # as its first four epochs were
    assert left_behind(grid) == []


def test_a_member_that_fails_leaves_the_others(
    grid: Any, alone: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured, bad = cell_module.measure, grid.cells[2]

    def measure(job: Any, state: Any, folder: Any) -> Any:
        if folder.path.name == bad.folder:
            raise ValueError("this one cannot be measured")
        return measured(job, state, folder)

    with monkeypatch.context() as patch:
        patch.setattr(cell_module, "measure", measure)
        memory = grid.run()
    assert list(memory.failed.values()) == ["this one cannot be measured"]
    assert len(memory.ended) == 3
    again = grid.run(retry=True)
    assert again.epochs == 0  # it was trained; its checkpoint is its own now
    assert near(grid, alone)


def test_a_cell_that_another_run_holds_is_left_to_it(grid: Any) -> None:
    settled: dict[str, Outcome] = {}

    def settle(cell: Any, outcome: Outcome) -> None:
        settled[cell.key] = outcome

    attempt = Attempt(grid.site, Shelf(grid.site), _Deaf(), settle)
    with locked(grid.site.out, grid.cells[1].folder) as mine:
        assert mine
        attempt.run(tuple(grid.cells))
    kinds = [settled[cell.key].kind for cell in grid.cells]
    assert kinds == ["done", "busy", "done", "done"]


class _Deaf:
    def cell_starts(self, cell: Any) -> None: ...
    def epoch_ends(self, cell: Any, record: dict[str, float]) -> None: ...
    def says(self, message: str) -> None: ...


def test_teams_are_cells_alike_but_for_seed_and_method(
    make_grid: Callable[..., Any], tmp_path: Any
) -> None:
    cells = make_grid(tmp_path, datasets=["sklearn_iris", "sklearn_wine"]).cells
    iris, wine = cells[:4], cells[4:]
    keys = {cell.key for cell in cells}
    assert Plan(cells, keys).teams() == [tuple(iris), tuple(wine)]
    assert Plan(cells, keys, {iris[1].key}).teams() == [
        (*iris[:1], *iris[2:]),
        (iris[1],),
        (*wine,),
    ]
    assert [len(team) for team in Plan(cells, keys).teams(3)] == [2, 2, 4]
    assert [len(team) for team in Plan(cells, {iris[0].key}).teams(3)] == [1]


def test_teams_do_not_depend_on_what_is_done_and_keep_begun_cohorts_whole(
    make_grid: Callable[..., Any], tmp_path: Any
) -> None:
    cells = make_grid(tmp_path, trials=4).cells
    later = {cell.key for cell in cells[3:]}
    whole = Plan(cells, {cell.key for cell in cells}).teams(2)
    left = [tuple(c for c in team if c.key in later) for team in whole]
    assert Plan(cells, later).teams(2) == [team for team in left if team]
    cohort = {cell.folder for cell in cells[2:6]}
    regrouped = Plan(cells, later, (), [cohort]).teams(4)
    assert tuple(cells[3:6]) in regrouped
    assert sorted(c.key for team in regrouped for c in team) == sorted(later)


def _interrupted(grid: Any, memory: Any, after: int) -> None:
    def stop(cell: Any) -> None:
        if memory.epochs == after:
            raise KeyboardInterrupt

    memory.on_epoch = stop
    with pytest.raises(KeyboardInterrupt):
        grid.run(memory)


def test_a_cohort_begins_anew_where_its_data_has_changed(
    strange: Callable[..., Any], remember: Callable[..., Any]
) -> None:
    grid = strange("net", trials=3)
    grid.site.data.mkdir(parents=True)
    (grid.site.data / "key").write_text("before")
    _interrupted(grid, remember(), 4)
    (grid.site.data / "key").write_text("after")
    again = grid.run()
    assert again.epochs == 9  # from the first epoch on
    assert list((grid.site.out / "stale").glob("*.pt"))
    assert left_behind(grid) == []


def test_a_damaged_curve_of_a_done_cell_is_written_anew(grid: Any, whole: Any) -> None:
    grid.run()
    path = grid.folder(1) / "metrics.jsonl"
    expected = path.read_bytes()
    path.write_bytes(expected.replace(b"epoch", b"ep\x07ch", 1))
    memory = grid.run()
    assert (sum(memory.ended.values()), memory.epochs) == (1, 0)
    assert path.read_bytes() == expected
    assert path.with_name("metrics.jsonl.damaged-1").exists()
    assert grid.same_bits(whole)
