"""Whole systems side by side: a column is a model with its method, a row a data set."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from mixup_multi.grid.folder.sealed_json import write_json
from mixup_multi.report.build import Report, Section, build_report
from mixup_multi.report.latex import latex
from mixup_multi.report.layout import SYSTEMS
from mixup_multi.report.markdown import markdown
from mixup_multi.report.page import page
from mixup_multi.report.sheet import Sheet

Make = Callable[[str], Any]
FOREST = {"name": "random_forest", "label": "forest", "settings": {"trees": 100}}
ERRORS: Mapping[str, Mapping[str, Sequence[float]]] = {
    "Iris": {"ERM": [10.0, 20.0, 15.0], "Mixup": [10.0, 10.0, 10.0], "forest": [5.0, 10.0, 0.0]},
    "CMC": {"ERM": [45.0, 50.0, 40.0], "Mixup": [50.0, 50.0, 45.0], "forest": [40.0, 40.0, 40.0]},
}


def add_forest(folder: Any, dataset: str, seed: int, error: float, **changes: Any) -> None:
    train = {"epochs": 1}
    fitted = {"paper": None, "model": FOREST, "train": train, "method_changes": {"label": "fitted"}}
    record = folder.record(dataset, "ERM", seed, **{**fitted, **changes})
    folder.add(record, folder.result(error, epochs=1))


def filled(folder: Any, errors: Mapping[str, Mapping[str, Sequence[float]]] = ERRORS) -> Any:
    """Add an MLP under methods and a forest that is fitted, on the same trials."""
    for dataset, columns in errors.items():
        for name, values in columns.items():
            for seed, error in enumerate(values):
                if name == "forest":
                    add_forest(folder, dataset, seed, error)
                else:
                    record = folder.record(dataset, name, seed, paper=None)
                    folder.add(record, folder.result(error))
    return folder


def tell(folder: Any, numbers: Sequence[int] | None = None) -> Any:
    """Say in protocol.json that these cells, by default all, stand in a table of systems."""
    numbers = range(1, folder.count + 1) if numbers is None else numbers
    names = [f"cell-{number:03d}" for number in numbers]
    write_json(
        folder.path / "protocol.json", {"cells": {name: {"columns": "system"} for name in names}}
    )
    return folder


def report(folder: Any, **how: Any) -> Report:
    return build_report(folder.path, **{"paper": False, "pictures": False, **how})


def sheet(section: Section, ending: str) -> Sheet:
    found = section.sheet(ending)
    assert found is not None
    return found


def texts(sheet: Sheet) -> list[list[str]]:
    return [[entry.text for entry in row] for row in sheet.rows]


def said(found: Report) -> str:
    return "\n".join(part for r in found.remarks for part in (r.text, *r.details))


def test_a_model_is_named_alone_where_it_has_one_method() -> None:
    pairs = [("MLP", "ERM"), ("MLP", "Mixup"), ("forest", "fitted"), ("MLP", "ERM")]
    assert SYSTEMS.names(pairs) == {
        ("MLP", "ERM"): "MLP / ERM",
        ("MLP", "Mixup"): "MLP / Mixup",
        ("forest", "fitted"): "forest",
    }


def test_two_systems_never_have_one_name() -> None:
    pairs = [("MLP", "ERM"), ("MLP", "Mixup"), ("MLP / ERM", "fitted")]
    names = SYSTEMS.names(pairs)
    assert names["MLP / ERM", "fitted"] == "MLP / ERM / fitted"
    assert len({*names.values()}) == 3


def test_rows_are_data_sets_and_columns_are_models_with_their_methods(new_folder: Make) -> None:
    (section,) = report(tell(filled(new_folder("out")))).sections
    errors = sheet(section, "errors")
    assert errors.headings == ("Data set", "forest", "MLP / ERM", "MLP / Mixup")
    assert texts(errors) == [
        ["CMC", "40.00 ± 0.00", "45.00 ± 5.00", "48.33 ± 2.89"],
        ["Iris", "5.00 ± 5.00", "15.00 ± 5.00", "10.00 ± 0.00"],
    ]
    assert [entry.mark for entry in errors.rows[1]] == ["", "best", "", ""]
    assert section.title.endswith("by system")


def test_systems_are_paired_and_ranked_together(new_folder: Make) -> None:
    """Iris, Mixup under the MLP minus the forest: 5, 0 and 10 in the three trials."""
    found = report(tell(filled(new_folder("out"))), pictures=True)
    (section,) = found.sections
    pairs = {(row[0], row[1]): row for row in texts(sheet(section, "paired"))}
    assert len(pairs) == 6
    assert pairs["Iris", "MLP / Mixup - forest"][2:6] == ["3", "+5.00", "-7.42 to +17.42", "5.00"]
    across = {row[0]: row for row in texts(sheet(section, "across"))}
    assert across["MLP / ERM - forest"][1:3] == ["2", "0 / 0 / 2"]
    assert section.ranks is not None
    assert section.ranks.alt.startswith("Mean ranks over 2 rows: forest 1.00, MLP / ERM 2.50")
    assert section.ranks.data.startswith("system,mean_rank")
    assert "Friedman over 2 rows and 3 systems" in sheet(section, "across").notes[0]
    assert "Between systems: " in said(found)
    assert [place for place, _ in section.pictures] == ["CMC", "Iris"]


def test_other_sheets_have_the_same_columns(new_folder: Make) -> None:
    (section,) = report(tell(filled(new_folder("out")))).sections
    for ending in ("details", "cost"):
        assert sheet(section, ending).headings[:3] == ("Data set", "System", "n")
        assert [row[:2] for row in texts(sheet(section, ending))][3:] == [
            ["Iris", "forest"],
            ["Iris", "MLP / ERM"],
            ["Iris", "MLP / Mixup"],
        ]
    assert sheet(section, "settings").headings[:3] == ("Data set", "Seeds", "Folds")
    assert "epochs" not in " ".join(texts(sheet(section, "settings"))[0])
    systems = sheet(section, "systems")
    assert systems.title == "Systems"
    forest, erm, _ = texts(systems)
    assert forest[0] == "forest"
    assert "model=random_forest, model.trees=100, epochs=1, method=erm" in forest[1]
    assert "model=mlp, model.widths=[8], epochs=2, method=erm" in erm[1]
    assert "lr=0.001" in systems.notes[0]


def test_csv_keeps_model_and_method_apart(new_folder: Make) -> None:
    (section,) = report(tell(filled(new_folder("out")))).sections
    places = [(r["dataset"], r["model"], r["method"]) for r in section.records]
    assert places[3:] == [
        ("Iris", "forest", "fitted"),
        ("Iris", "MLP", "ERM"),
        ("Iris", "MLP", "Mixup"),
    ]


def test_it_says_once_that_columns_differ_in_model_and_training(new_folder: Make) -> None:
    found = report(tell(filled(new_folder("out"))))
    (remark,) = [r for r in found.remarks if "A column is a system" in r.text]
    assert remark.kind == "condition"
    assert "not the effect of a method" in remark.text
    assert remark.details == ("named by the model alone: forest (fitted)",)
    for text in (markdown(found), latex(found), page(found)):
        assert text.count("A column is a system") == 1


def test_the_default_keeps_models_in_rows_of_their_own(new_folder: Make) -> None:
    found = report(filled(new_folder("out")))
    (section,) = found.sections
    assert sheet(section, "errors").headings == ("Data set", "Model", "ERM", "fitted", "Mixup")
    assert "system" not in said(found)


def test_cells_of_one_system_with_other_settings_are_told_apart(new_folder: Make) -> None:
    """What differs in model, training or method belongs to the column, never averaged."""
    folder = filled(new_folder("out"), {"Iris": {"ERM": [10.0]}})
    other = {**FOREST, "settings": {"trees": 500}}
    add_forest(folder, "Iris", 0, 20.0)
    add_forest(folder, "Iris", 0, 30.0, model=other)
    record = folder.record("Iris", "ERM", 0, paper=None, train={"epochs": 9})
    folder.add(record, folder.result(40.0, epochs=9))
    found = report(tell(folder))
    errors = sheet(found.sections[0], "errors")
    values = dict(zip(errors.headings, texts(errors)[0], strict=True))
    assert values == {
        "Data set": "Iris",
        "forest / fitted (model.trees=100)": "20.00",
        "forest / fitted (model.trees=500)": "30.00",
        "MLP / ERM (epochs=2)": "10.00",
        "MLP / ERM (epochs=9)": "40.00",
    }
    assert "Cells with equal labels differ in their settings" in said(found)


def test_rows_of_other_data_are_told_apart(new_folder: Make) -> None:
    folder = filled(new_folder("out"), {"Iris": {"ERM": [10.0]}})
    settings = {"validation": 0.2}
    record = folder.record("Iris", "Mixup", 0, paper=None)
    record["dataset"]["settings"] = settings
    folder.add(record, folder.result(20.0))
    (section,) = report(tell(folder)).sections
    assert [row[0] for row in texts(sheet(section, "errors"))] == [
        "Iris",
        "Iris (data.validation=0.2)",
    ]


@pytest.mark.parametrize("setting", ["lr", "epochs"])
def test_a_methods_setting_never_hides_one_of_training(new_folder: Make, setting: str) -> None:
    """Both may have one of a name: cells that differ in either are not averaged."""
    folder = new_folder("out")
    for value, error in ((1, 10.0), (2, 20.0)):
        changes = {"settings": {setting: 5}}
        train = {setting: value}
        record = folder.record("Iris", "ERM", 0, paper=None, method_changes=changes, train=train)
        folder.add(record, folder.result(error))
    (section,) = report(tell(folder)).sections
    assert len(sheet(section, "errors").headings) == 3


def test_two_layouts_in_one_folder_have_a_table_each(new_folder: Make) -> None:
    folder = filled(new_folder("out"))
    first = [n for n in range(1, folder.count + 1) if n <= 9]  # those of Iris
    found = report(tell(folder, first))
    methods, systems = sorted(found.sections, key=lambda section: len(section.title))
    assert [row[0] for row in texts(sheet(systems, "errors"))] == ["Iris"]
    assert [row[0] for row in texts(sheet(methods, "errors"))] == ["CMC", "CMC"]
    assert "laid out in two ways" in said(found)
    names = [sheet.name for section in found.sections for sheet in section.sheets]
    assert len(names) == len({*names})
