"""Every selection rule on curves that are worked out by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from mixup_multi.grid.protocol import record as protocol
from mixup_multi.grid.protocol.selection import Done, Selected, Unselected, select


def cell(
    test: Sequence[float | None],
    validation: Sequence[float | None] = (),
    *,
    fold: int | None = None,
    folds: int | None = None,
    **changes: Any,
) -> Done:
    """Return a finished cell with an error for each epoch; None where it was not evaluated."""
    entry = {"name": "x", "label": "any", "settings": {"a": 1}}
    record = {
        **dict.fromkeys(("dataset", "model", "method"), entry),
        "adapter": "tabular",
        "erm_epochs": 0,
        "seed": 0,
        "fold": fold,
        "folds": folds,
        "train": {"epochs": len(test), "checkpoint_seconds": 60.0},
        **changes,
    }
    history: list[dict[str, float]] = [{"epoch": e + 1.0} for e in range(len(test))]
    for name, curve in (("test", test), ("validation", validation)):
        for epoch, error in enumerate(curve):
            if error is not None:
                history[epoch] |= {f"{name}_error": error, f"{name}_loss": error / 100}
    result = {"epochs": len(test), "test_error": test[-1], "selection": "last epoch"}
    return Done(record, result, history)


def one(rule: Any, done: Done) -> Selected:
    (selection,) = select(rule, [done])
    assert isinstance(selection, Selected), selection
    return selection


def test_the_last_epoch_needs_no_curve_and_changes_no_number() -> None:
    done = Done(cell([9.0]).record, {"epochs": 3, "test_error": 7.0}, ())
    selected = one("last", done)
    assert (selected.epoch, selected.text, selected.on_test) == (3, "last epoch", False)
    assert selected.over(done.result)["test_error"] == 7.0


def test_best_validation_reports_the_test_error_of_the_least_validation_error() -> None:
    selected = one("best_validation", cell([8.0, 6.0, 4.0, 5.0], [20.0, 10.0, 30.0, 40.0]))
    assert selected.epoch == 2
    assert not selected.on_test
    said = selected.over({"test_error": 5.0, "validation_error": 40.0, "epochs": 4})
    assert (said["test_error"], said["test_loss"], said["validation_error"]) == (6.0, 0.06, 10.0)
    assert said["selected_epoch"] == 2
    assert "optimistic" not in said["selection"]


def test_of_equal_errors_the_earliest_epoch_is_taken() -> None:
    assert one("best_validation", cell([1.0, 9.0, 0.0], [30.0, 20.0, 20.0])).epoch == 2
    assert one("best_test", cell([4.0, 2.0, 3.0, 2.0])).epoch == 2
    # means of equal errors in another order, whose naive sums differ in their last bit
    curves = [(0.1, 0.3), (0.2, 0.2), (0.3, 0.1)]
    folds = [cell(curve, fold=n, folds=3) for n, curve in enumerate(curves)]
    assert 0.1 + 0.2 + 0.3 != 0.3 + 0.2 + 0.1
    assert {s.epoch for s in select("fold_mean", folds) if isinstance(s, Selected)} == {1}


def test_best_test_says_that_it_is_optimistic() -> None:
    selected = one("best_test", cell([4.0, 2.0, 3.0], [1.0, 5.0, 5.0]))
    assert (selected.epoch, selected.on_test) == (2, True)
    assert "selected on the test part, so optimistic" in selected.text


def test_epochs_that_were_not_evaluated_are_no_candidates_and_it_is_said() -> None:
    done = cell([None, 5.0, None, 6.0, 7.0], [None, 9.0, None, 8.0, 9.0])
    selected = one("best_validation", done)
    assert (selected.epoch, selected.values["test_error"]) == (4, 6.0)
    assert selected.text.endswith("; 3 of 5 epochs were evaluated")


def test_fold_mean_takes_one_epoch_for_all_folds() -> None:
    folds = [
        cell([0.0, 10.0, 30.0], fold=0, folds=2),
        cell([50.0, 20.0, 10.0], fold=1, folds=2),
    ]  # means 25, 15, 20
    first, second = select("fold_mean", folds)
    assert isinstance(first, Selected)
    assert isinstance(second, Selected)
    assert first.epoch == second.epoch == 2
    assert (first.values["test_error"], second.values["test_error"]) == (10.0, 20.0)
    assert first.on_test
    assert "held-out fold selects and is reported, so optimistic" in first.text


def test_fold_mean_with_validation_parts_does_not_look_at_the_test_error() -> None:
    folds = [
        cell([0.0, 10.0], [30.0, 20.0], fold=0, folds=2),
        cell([0.0, 20.0], [10.0, 15.0], fold=1, folds=2),
    ]
    selections = select("fold_mean", folds)
    assert [s.epoch for s in selections if isinstance(s, Selected)] == [2, 2]
    assert not any(s.on_test or "optimistic" in s.text for s in selections)  # type: ignore[union-attr]


def test_trials_and_other_settings_have_epochs_of_their_own() -> None:
    falling, rising = [9.0, 1.0], [1.0, 9.0]
    cells = [
        *(cell(falling, fold=n, folds=2) for n in range(2)),
        *(cell(rising, fold=n, folds=2, seed=1) for n in range(2)),
        *(cell(rising, fold=n, folds=2, erm_epochs=1) for n in range(2)),
    ]
    found = [s.epoch for s in select("fold_mean", cells) if isinstance(s, Selected)]
    assert found == [2, 2, 1, 1, 1, 1]


def test_fold_mean_of_unfinished_folds_is_no_mean() -> None:
    cells = [cell([1.0, 2.0], fold=n, folds=4) for n in (0, 2)]
    for selection in select("fold_mean", cells):
        assert isinstance(selection, Unselected)
        assert "all 4 folds, and fold 2, 4 has not finished" in selection.why


@pytest.mark.parametrize(
    ("done", "said"),
    [
        (cell([1.0, 2.0]), "the validation error was not recorded"),
        (cell([None, None], [1.0, 2.0]), "the test error was not recorded"),
        (Done(cell([1.0]).record, {"epochs": 2}, cell([1.0], [1.0]).history), "lacks epochs"),
    ],
)
def test_what_is_not_recorded_cannot_select(done: Done, said: str) -> None:
    (selection,) = select("best_validation", [done])
    assert isinstance(selection, Unselected)
    assert said in selection.why


def test_selection_changes_nothing_that_is_trained(
    make_grid: Callable[..., Any], tmp_path: Any
) -> None:
    data = [{"name": "sklearn_iris", "validation": 0.2}]
    plain = make_grid(tmp_path, datasets=data, train={"track_test": True})
    for rule in ("best_validation", "best_test"):
        selecting = make_grid(tmp_path, datasets=data, selection=rule)
        assert [c.key for c in selecting.cells] == [c.key for c in plain.cells]
        assert all(c.train.track_test for c in selecting.cells)
        assert [c.record() for c in selecting.cells] == [c.record() for c in plain.cells]


def test_the_protocol_of_the_last_run_is_kept(make_grid: Callable[..., Any], tmp_path: Any) -> None:
    data = [{"name": "sklearn_iris", "validation": 0.2}]
    make_grid(tmp_path, datasets=data, train={"track_test": True}).run()
    assert not (tmp_path / protocol.FILE).exists()  # nothing to tell of the last epoch
    best = make_grid(tmp_path, datasets=data, selection="best_validation")
    memory = best.run()
    assert not any(memory.ended.values())  # nothing is trained again
    entries = protocol.read_protocol(tmp_path)
    assert entries == {c.folder: {"selection": "best_validation"} for c in best.cells}
    make_grid(tmp_path, datasets=data, trials=1, train={"track_test": True}).run()
    assert set(protocol.read_protocol(tmp_path)) == {c.folder for c in best.cells[2:]}


def test_what_a_column_is_trains_nothing_and_is_that_of_the_last_run(
    make_grid: Callable[..., Any], tmp_path: Any
) -> None:
    plain, systems = make_grid(tmp_path), make_grid(tmp_path, columns="system")
    assert [c.key for c in systems.cells] == [c.key for c in plain.cells]
    assert [c.record() for c in systems.cells] == [c.record() for c in plain.cells]
    systems.run()
    entry = {"selection": "last", "columns": "system"}
    assert protocol.read_protocol(tmp_path) == {c.folder: entry for c in systems.cells}
    memory = make_grid(tmp_path, trials=1).run()
    assert not any(memory.ended.values())  # nothing is trained again
    assert set(protocol.read_protocol(tmp_path)) == {c.folder for c in systems.cells[2:]}


def test_a_damaged_protocol_is_set_aside_and_written_anew(
    make_grid: Callable[..., Any], tmp_path: Any
) -> None:
    grid = make_grid(tmp_path, selection="best_test", trials=1)
    grid.run()
    path = tmp_path / protocol.FILE
    path.write_text(json.dumps({"cells": {}}))
    memory = grid.run()
    assert any("damaged" in said for said in memory.said)
    assert len(protocol.read_protocol(tmp_path)) == 2
