"""What the report says of selection and of searches, and that its tables follow it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mixup_multi.grid.folder.sealed_json import write_json
from mixup_multi.report.build import Report, build_report
from mixup_multi.report.sheet import Sheet

Make = Callable[[str], Any]


def folds_of(folder: Any, method: str, curves: Sequence[Sequence[float]], folds: int = 2) -> None:
    """Add a cell for each fold, with its test error after every epoch, under `fold_mean`."""
    for fold, curve in enumerate(curves):
        record = folder.record(
            "Iris", method, 0, fold=fold, folds=folds, train={"track_test": True}
        )
        folder.add(record, folder.result(curve[-1], epochs=len(curve)))
        lines = [{"epoch": n, "test_error": e, "test_loss": e} for n, e in enumerate(curve, 1)]
        path = folder.path / "cells" / f"cell-{folder.count:03d}" / "metrics.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def tell(folder: Any, entry: dict[str, Any], first: int = 1) -> None:
    """Write protocol.json for the cells from the `first` on."""
    names = [f"cell-{number:03d}" for number in range(first, folder.count + 1)]
    write_json(folder.path / "protocol.json", {"cells": dict.fromkeys(names, entry)})


def report(path: Path) -> Report:
    return build_report(path, paper=True, pictures=False)


def sheet(found: Report, ending: str) -> Sheet:
    (section,) = found.sections
    wanted = section.sheet(ending)
    assert wanted is not None
    return wanted


def texts(found: Report) -> str:
    return "\n".join(part for r in found.remarks for part in (r.kind, r.text, *r.details))


def test_tables_differences_and_remarks_follow_fold_mean(new_folder: Make) -> None:
    folder = new_folder("out")
    folds_of(folder, "ERM", [[10.0, 20.0, 50.0], [30.0, 10.0, 50.0]])  # least mean at epoch 2
    folds_of(folder, "Mixup", [[15.0, 20.0, 50.0], [5.0, 30.0, 50.0]])  # at epoch 1
    tell(folder, {"selection": "fold_mean"})
    found = report(folder.path)
    (row,) = sheet(found, "errors").rows
    assert [entry.value for entry in row[2:]] == [15.0, 10.0]
    assert "(as Xu et al. 2019: the held-out fold selects" in sheet(found, "errors").caption
    (pair,) = sheet(found, "paired").rows
    assert pair[4].value == -5.0  # folds paired: 15 - 20 and 5 - 10
    assert pair[6].value == 0.0
    said = texts(found)
    assert "held-out fold selects and is reported, so optimistic" in said
    assert "It chose the epoch on Iris: those errors are optimistic." in said
    assert "Calibration and confusion are of the stored outputs" in said
    assert {record["selection"][:30] for record in found.sections[0].records} == {
        "epoch of the least mean test e"
    }


def test_unfinished_folds_are_named_and_in_no_table(new_folder: Make) -> None:
    folder = new_folder("out")
    folds_of(folder, "ERM", [[10.0, 20.0], [30.0, 10.0]])
    folds_of(folder, "Mixup", [[15.0, 20.0]])
    tell(folder, {"selection": "fold_mean"})
    found = report(folder.path)
    (row,) = sheet(found, "errors").rows
    assert len(row) == 3  # ERM alone
    problem = next(r for r in found.remarks if "cannot select" in r.text)
    assert problem.kind == "problem"
    assert problem.details == (
        "Iris / MLP / Mixup, seed 0, fold 1 of 2: the epoch is that of the least mean error over"
        " all 2 folds, and fold 2 has not finished",
    )


def test_without_a_protocol_the_last_epoch_is_reported(new_folder: Make) -> None:
    folder = new_folder("out")
    folds_of(folder, "ERM", [[10.0, 20.0], [30.0, 10.0]])
    (row,) = sheet(report(folder.path), "errors").rows
    assert row[2].value == 15.0


def test_chosen_settings_share_a_column_and_are_listed(new_folder: Make) -> None:
    folder = new_folder("out")
    cells = {}
    for seed, alpha in enumerate((0.1, 0.1, 0.4)):
        changes = {"settings": {"alpha": alpha}}
        folder.add(
            folder.record("Iris", "Mixup", seed, method_changes=changes), folder.result(10.0)
        )
        cells[f"cell-{folder.count:03d}"] = {
            "selection": "last",
            "search": {
                "chosen": {"methods.mixup.alpha": alpha},
                "over": {"methods.mixup.alpha": [0.1, 0.4]},
                "settings": {"method": ["alpha"], "train": []},
                "by": "validation_error",
                "per": "trial",
                "study": "grid",
                "seed": 0,
                "tried": [f"a{seed}", f"b{seed}"],
                "points": 2,
                "failed": seed % 2,
                "score": 6.0 + seed,
            },
        }
    folder.add(folder.record("Iris", "Mixup", 9), folder.result(99.0))
    cells[f"cell-{folder.count:03d}"] = {"tried": {"methods.mixup.alpha": 0.4}}
    write_json(folder.path / "protocol.json", {"cells": cells})
    found = report(folder.path)
    (row,) = sheet(found, "errors").rows
    assert row[2].value == 10.0
    assert "told apart" not in texts(found)
    assert "1 further cell served a search only" in texts(found)
    (line,) = sheet(found, "search").rows
    chosen = "methods.mixup.alpha=0.1 (2); methods.mixup.alpha=0.4 (1)"
    assert line[4].text == chosen
    assert (line[5].value, line[6].value, line[8].value) == (6, 1, 7.0)
    assert "alpha=searched" in sheet(found, "methods").rows[0][1].text
