"""How far cells are, what has changed, how long the rest takes; and the index, which may go."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

import pytest

from mixup_multi.grid.checks import DataKeys
from mixup_multi.grid.estimate import speeds_of
from mixup_multi.grid.folder import index
from mixup_multi.grid.folder.locks import locked
from mixup_multi.grid.folder.shelf import Shelf
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.state import counted, states_of


def states(grid: Any, **options: Any) -> list[str]:
    return [state.state for state in states_of(grid.cells, grid.site.out, **options)]


def test_to_do_running_done_and_failed(grid: Any) -> None:
    out = grid.site.out
    assert states(grid) == ["to do"] * 4
    assert not out.exists()
    with locked(out, grid.cells[0].folder):
        CellFolder.of(out, grid.cells[0]).make()
        assert states(grid) == ["running", "to do", "to do", "to do"]
    grid.run()
    assert states(grid) == ["done"] * 4
    (grid.folder(2) / "result.json").unlink()
    CellFolder(grid.folder(2)).fail("it broke", "Traceback ...")
    found = states_of(grid.cells, out)
    assert counted(found) == {"done": 3, "running": 0, "failed": 1, "stale": 0, "to do": 0}
    assert found[2].reason == "it broke"


def test_changed_settings_are_named_and_a_renamed_label_is_none(
    grid: Any, make_grid: Callable[..., Any]
) -> None:
    grid.run()
    changed = make_grid(grid.site.out, methods=["erm", {"name": "mixupe", "alpha": 0.2}])
    found = states_of(changed.cells, grid.site.out)
    assert [state.state for state in found] == ["done", "stale", "done", "stale"]
    assert "method.alpha was 0.4, is 0.2" in found[1].reason
    assert "method.eta was 0.3" in found[1].reason
    labelled = make_grid(grid.site.out, methods=[{"name": "erm", "label": "Baseline"}])
    assert states(labelled) == ["done"] * 2


def test_two_choices_of_one_name_are_not_taken_for_a_change(
    grid: Any, make_grid: Callable[..., Any]
) -> None:
    grid.run()
    more = make_grid(
        grid.site.out,
        methods=[
            "erm",
            {"name": "mixupe", "alpha": 0.4, "eta": 0.3},
            {"name": "mixupe", "label": "MixupE, defaults"},
        ],
    )
    assert states(more) == ["done", "done", "to do"] * 2


def test_changed_data_is_noticed_and_what_it_made_is_kept(strange: Callable[..., Any]) -> None:
    grid = strange("net", trials=2)
    root, out = grid.site.data, grid.site.out
    root.mkdir(parents=True)
    (root / "key").write_text("first")
    grid.run()
    assert states(grid, keys=DataKeys(Shelf(grid.site))) == ["done", "done"]
    before = (grid.folder() / "result.json").read_bytes()
    (root / "key").write_text("second")
    found = states_of(grid.cells, out, DataKeys(Shelf(grid.site)))
    assert [state.state for state in found] == ["stale", "stale"]
    assert "data" in found[0].reason
    assert states(grid) == ["done", "done"]  # without a look at the data
    memory = grid.run()
    assert list(memory.ended.values()) == [True, True]
    assert (out / "stale" / grid.folder().name / "result.json").read_bytes() == before
    assert any("has changed" in said for said in memory.said)
    assert states(grid, keys=DataKeys(Shelf(grid.site))) == ["done", "done"]


@pytest.mark.parametrize(
    ("file", "thorough_only"),
    [("result.json", False), ("cell.json", True), ("outputs.pt", True), ("metrics.jsonl", True)],
)
def test_a_damaged_file_makes_its_cell_to_do(grid: Any, file: str, thorough_only: bool) -> None:
    grid.run()
    path = grid.folder(1) / file
    path.write_bytes(path.read_bytes()[:-3])
    (grid.site.out / index.FILE).unlink()
    assert states(grid, thorough=True) == ["done", "to do", "done", "done"]
    assert (states(grid) == ["done"] * 4) is thorough_only


def test_time_left_is_what_was_measured_times_what_is_left(
    grid: Any, make_grid: Callable[..., Any]
) -> None:
    out = grid.site.out
    grid.run()
    done = states_of(grid.cells, out)
    longer = make_grid(out, train={"epochs": 30}, methods=["erm", "mixup"])
    speeds = speeds_of(out, states_of(longer.cells, out))
    results = [state.result for state in done if state.result is not None]
    erm = [result["seconds"] / 3 for result in results[::2]]
    every = [result["seconds"] / 3 for result in results]
    same = speeds.estimate(longer.cells[0], 30)
    assert same.basis == "same method"
    assert same.seconds == pytest.approx(30 * sum(erm) / 2)
    near = speeds.estimate(longer.cells[1], 10)
    assert near.basis == "same model"
    assert near.seconds == pytest.approx(10 * sum(every) / 4)
    wider = make_grid(out, models=[{"name": "mlp", "widths": [32]}])
    assert speeds.estimate(wider.cells[0], 10).basis == "unknown"


def test_a_damaged_curve_of_a_begun_cell_does_not_stop_the_estimate(grid: Any) -> None:
    out = grid.site.out
    grid.run()
    (grid.folder(1) / "result.json").unlink()
    path = grid.folder(1) / "metrics.jsonl"
    path.write_bytes(path.read_bytes().replace(b"{", b"(", 1))
    states = states_of(grid.cells, out)
    assert states[1].epochs == 3
    assert speeds_of(out, states).estimate(grid.cells[1], 10).seconds > 0


def test_the_index_says_what_the_folders_say_and_may_be_deleted(grid: Any) -> None:
    out = grid.site.out
    grid.run()
    path = out / index.FILE
    with sqlite3.connect(path) as database:
        rows = dict(database.execute("select folder, test_error from cells"))
    assert set(rows) == {cell.folder for cell in grid.cells}
    results = {s.cell.folder: s.result for s in states_of(grid.cells, out)}
    assert all(rows[name] == result["test_error"] for name, result in results.items() if result)
    path.unlink()
    assert states(grid) == ["done"] * 4
    assert index.counts(out) is None
    assert index.rebuild(out) == 4
    assert index.counts(out) == {"done": 4}
    path.write_bytes(b"no database" * 1000)
    assert states(grid) == ["done"] * 4
    assert index.counts(out) is None
    assert grid.run().ended == dict.fromkeys([cell.key for cell in grid.cells], False)


def test_a_row_of_another_result_is_not_used(grid: Any) -> None:
    grid.run()
    folder = CellFolder(grid.folder())
    result = folder.read_json("result")
    assert result is not None
    folder.write_json("result", {**result, "test_error": 12.5})
    found = states_of(grid.cells, grid.site.out)[0].result
    assert found is not None
    assert found["test_error"] == 12.5
