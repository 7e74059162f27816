"""What a folder's state becomes in the report, whatever happened to its cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mixup_multi.errors import OutputError
from mixup_multi.grid.folder.locks import locked
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.report.build import Report, build_report
from mixup_multi.report.collect import collect
from mixup_multi.report.group import groups
from mixup_multi.report.remark import Remark
from mixup_multi.report.results import reproduction_sheet

Folder = Any  # the class of conftest.py
Make = Callable[[str], Any]


def report(folder: Folder, *, paper: bool = False) -> Report:
    return build_report(folder.path, paper=paper, pictures=False)


def remark(found: Report, start: str) -> Remark:
    return next(remark for remark in found.remarks if start in remark.text)


def test_a_folder_without_cells_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="holds no cells; expected the output folder"):
        collect(tmp_path)


def test_failed_unfinished_and_damaged_cells_are_named_at_the_top(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    failure = {"message": "DivergedError: the loss is nan", "traceback": "..."}
    folder.add(folder.record("Iris", "ERM", 3), None, failure=failure)
    folder.add(folder.record("Iris", "Mixup", 3), None)
    folder.add(folder.record("Iris", "MixupE", 3), None, damaged='{"test_error": ')
    folder.add(folder.record("Iris", "MixupE", 4), {"test_error": 1.0, "train_rows": 3})
    found = report(folder)
    assert [r.kind for r in found.remarks[:3]] == ["problem"] * 3
    failed = remark(found, "1 cell failed")
    assert failed.details == ("Iris / MLP / ERM, seed 3: DivergedError: the loss is nan",)
    unfinished = remark(found, "1 cell did not finish")
    assert "2 of 2 epochs" in unfinished.details[0]
    damaged = remark(found, "2 cells cannot be read")
    assert "is damaged" in damaged.details[0]
    assert "'test_rows'" in damaged.details[1]
    errors = found.sections[0].sheet("errors")
    assert errors is not None
    assert "n = 3" in errors.caption


def test_a_folder_where_nothing_has_finished_still_has_a_report(new_folder: Make) -> None:
    folder = new_folder("out")
    folder.add(folder.record("Iris", "ERM", 0), None)
    found = report(folder)
    assert found.sections == ()
    assert remark(found, "nothing to report").kind == "problem"


def test_a_cell_that_broke_before_it_wrote_anything_is_named(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    (folder.path / "cells" / "early").mkdir()
    assert "early: it has no cell.json" in remark(report(folder), "did not finish").details[0]


def test_trials_that_a_method_lacks_are_counted(new_folder: Make) -> None:
    errors = {"Iris": {"ERM": [1.0, 2.0, 3.0], "Mixup": [1.0]}, "CMC": {"ERM": [4.0]}}
    found = report(new_folder("out").grid(errors))
    details = remark(found, "do not have the same trials").details
    assert "Iris / MLP / Mixup: 1 of 3 trials, 2 missing" in details
    assert "CMC / MLP / Mixup: 0 of 1 trials, 1 missing" in details
    sheet = found.sections[0].sheet("errors")
    assert sheet is not None
    assert [entry.text for entry in sheet.rows[0]][2:] == ["4.00 (1)", "not run"]


def test_notes_of_data_sets_and_other_conditions_are_said(new_folder: Make) -> None:
    note = "synthetic: made up"
    found = report(new_folder("out").grid({"Iris": {"ERM": [10.0, 15.0]}}, notes=[note]))
    assert remark(found, "data sets say of themselves").details == (f"Iris: {note}",)
    conditions = remark(found, "Other conditions").details
    assert "published over 5, here 2: Iris (ERM)" in conditions
    assert f"{note}: Iris (ERM)" in conditions
    assert any("not run here: " in line and "Iris (Mixup, MixupE)" in line for line in conditions)


def test_the_selection_and_a_tracked_test_error_are_said(new_folder: Make) -> None:
    folder = new_folder("out")
    record = folder.record("Iris", "ERM", 0, train={"track_test": True})
    folder.add(record, folder.result(10.0))
    text = remark(report(folder), "Selection").text
    assert text.startswith("Selection: last epoch. The test error was recorded while training")
    assert "nothing was selected on it" in text


def test_equal_labels_with_other_settings_are_not_averaged(new_folder: Make) -> None:
    folder = new_folder("out")
    for epochs, error in ((2, 10.0), (9, 20.0)):
        record = folder.record("Iris", "ERM", 0, train={"epochs": epochs})
        folder.add(record, folder.result(error))
    for alpha, error in ((0.2, 30.0), (0.4, 40.0)):
        changes = {"settings": {"alpha": alpha}}
        record = folder.record("CMC", "Mixup", 0, method_changes=changes)
        folder.add(record, folder.result(error))
    found = report(folder, paper=True)
    assert remark(found, "Cells with equal labels").kind == "problem"
    shown = {
        r["model"] + "|" + r["method"]: r["test_error_percent"] for r in found.sections[0].records
    }
    assert shown == {
        "MLP (epochs=2)|ERM": 10.0,
        "MLP (epochs=9)|ERM": 20.0,
        "MLP|Mixup (alpha=0.2)": 30.0,
        "MLP|Mixup (alpha=0.4)": 40.0,
    }
    assert {r["published_value"] for r in found.sections[0].records} == {9.06, 46.67}


def test_pairs_share_seed_fold_and_data(new_folder: Make) -> None:
    folder = new_folder("out")
    for seed, (erm, mixup) in enumerate([(10.0, 5.0), (20.0, 25.0), (30.0, 10.0)]):
        folder.add(folder.record("Iris", "ERM", seed), folder.result(erm))
        folder.add(folder.record("Iris", "Mixup", seed), folder.result(mixup))
    folder.add(folder.record("Iris", "ERM", 9), folder.result(99.0))
    folder.add(folder.record("Iris", "ERM", 5), folder.result(50.0, data_key="older"))
    folder.add(folder.record("Iris", "Mixup", 5), folder.result(0.0))
    found = groups(collect(folder.path).finished)[0]
    pair = found.pair(("Iris", "MLP"), "Mixup", "ERM")
    assert pair is not None
    assert pair.differences == (-5.0, 5.0, -20.0)
    assert pair.correlation == pytest.approx(0.2)  # every seed has a split of its own
    assert remark(report(folder), "different data in one trial").details == ("Iris / MLP",)


def test_a_fixed_split_has_no_correlation_of_training_rows(new_folder: Make) -> None:
    folder = new_folder("out")
    for method in ("ERM", "Mixup"):
        folder.add(folder.record("Iris", method, 0), folder.result(10.0))
    pair = groups(collect(folder.path).finished)[0].pair(("Iris", "MLP"), "Mixup", "ERM")
    assert pair is not None
    assert pair.correlation == 0.0


def test_cells_without_logits_lack_calibration_only(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    (folder.path / "cells" / "cell-001" / "outputs.pt").unlink()
    found = report(folder)
    assert "no outputs.pt" in remark(found, "Calibration and confusion lack").details[0]
    assert found.sections[0].records[0]["n"] == 3


def test_several_environments_are_said(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    store = CellFolder(folder.path / "cells" / "cell-001")
    content = store.read_json("environment") or {}
    changes = {"commit": "ffff+changes", "packages": {"torch": "2.12.0"}}
    store.write_json("environment", {**content, **changes})
    found = report(folder)
    assert "0123456789ab, ffff+changes" in remark(found, "several commits").text
    assert "torch 2.11.0, torch 2.12.0" in remark(found, "several versions").text
    assert "uncommitted" in remark(found, "uncommitted changes").text
    assert len(found.environments.rows) == 2


def published_texts(folder: Folder) -> list[list[str]]:
    sheet = reproduction_sheet(groups(collect(folder.path).finished)[0])
    assert sheet is not None
    return [[entry.text for entry in row] for row in sheet.rows]


def test_reproduction_stands_beside_and_prints_the_papers_own_caveats(new_folder: Make) -> None:
    folder = new_folder("out").grid(
        {"Iris": {"ERM": [5.0, 10.0, 15.0], "Mixup": [40.0, 45.0, 40.0]}}
    )
    erm, mixup = published_texts(folder)
    assert erm[3:11] == ["10.00 ± 5.00", "3", "-2.42 to 22.42", "9.06", "7.01", "5", "+0.94", "yes"]
    assert mixup[9:11] == ["+33.53", "no"]
    sheet = reproduction_sheet(groups(collect(folder.path).finished)[0])
    assert sheet is not None
    assert "architecture, split and optimiser not in the slides" in sheet.notes[0]


def test_graphs_spreads_are_printed_with_their_unit_problem(new_folder: Make) -> None:
    folder = new_folder("out")
    changes: dict[str, Any] = {"paper": "mixupe_graphs", "folds": 10}
    for fold in range(3):
        folder.add(
            folder.record("MUTAG", "ERM", 0, fold=fold, **changes), folder.result(5.0 * fold)
        )
    sheet = reproduction_sheet(groups(collect(folder.path).finished)[0])
    assert sheet is not None
    assert "std is almost surely a FRACTION" in sheet.notes[0]
    assert any("validation-fold error" in line for line in remark(report(folder), "Other").details)


def test_a_table_of_another_version_is_no_crash(new_folder: Make) -> None:
    folder = new_folder("out")
    folder.add(folder.record("Iris", "ERM", 0, paper="future"), folder.result(5.0))
    assert remark(report(folder, paper=True), "'future'").kind == "problem"


def test_a_split_of_its_own_for_every_seed_is_no_changed_data(new_folder: Make) -> None:
    folder = new_folder("out")
    for seed in range(2):
        for method in ("ERM", "Mixup"):
            result = folder.result(10.0, data_key=f"split {seed}")
            folder.add(folder.record("Iris", method, seed), result)
    assert not any("different data" in r.text for r in report(folder).remarks)


def test_a_cell_that_somebody_runs_and_cells_of_older_data_are_said(new_folder: Make) -> None:
    folder = new_folder("out").grid()
    folder.add(folder.record("Iris", "ERM", 3), None)
    (folder.path / "stale" / "old-cell").mkdir(parents=True)
    (running,) = (p for p in (folder.path / "cells").iterdir() if not (p / "result.json").exists())
    with locked(folder.path, running.name):
        found = report(folder)
    assert "2 of 2 epochs done, by " in remark(found, "1 cell is still running").details[0]
    assert remark(found, "1 cell of older data").details == ("old-cell",)
