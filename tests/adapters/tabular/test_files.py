from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from mixup_multi.engine.cache import cache_folder
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.tabular import TabularAdapter, stored
from mixup_multi_adapters.tabular.table import table_of

load = TabularAdapter.datasets["file"].load

ARFF = """% a comment
@relation fruit
@attribute weight numeric
@attribute 'skin colour' {green, red, 'very red'}
@attribute ripe {no, yes}
@data
{rows}
"""


def frame(rows: int = 40) -> pd.DataFrame:
    draw = np.random.default_rng(1)
    return pd.DataFrame(
        {
            "weight": draw.normal(150, 20, rows).round(2),
            "skin colour": draw.choice(["green", "red", "very red"], rows),
            "ripe": draw.choice(["no", "yes"], rows),
        }
    )


def write_arff(path: Path, content: pd.DataFrame) -> None:
    lines = [
        ",".join("?" if pd.isna(v) else f"'{v}'" if isinstance(v, str) else repr(v) for v in row)
        for row in content.astype(object).to_numpy().tolist()
    ]
    path.write_text(ARFF.replace("{rows}", "\n".join(lines)))


def inputs(data: Data) -> torch.Tensor:
    assert isinstance(data.train, TensorSource)
    found = data.train.inputs
    assert isinstance(found, torch.Tensor)
    return found


def test_csv_arff_and_parquet_are_one_table(tmp_path: Path) -> None:
    content = frame()
    content.loc[[3, 17], "weight"] = np.nan
    content.loc[5, "skin colour"] = None
    content.to_csv(tmp_path / "fruit.csv", index=False)
    content.to_parquet(tmp_path / "fruit.parquet")
    write_arff(tmp_path / "fruit.arff", content)
    names = ("fruit.csv", "fruit.arff", "fruit.parquet")
    first, *others = (load(tmp_path, Trial(2), path=name) for name in names)
    assert first.name == "fruit"
    assert first.classes == ("no", "yes")
    assert inputs(first).shape == (len(first.train), 5)  # weight, its flag, three colours
    for other in others:
        assert torch.equal(inputs(other), inputs(first))
        assert other.key == first.key


def test_absolute_path_other_target_and_ignored_column(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "fruit.csv", index=False)
    data = load(
        Path("elsewhere"),
        Trial(),
        path=str(tmp_path / "fruit.csv"),
        target="skin colour",
        ignore=("ripe",),
    )
    assert data.classes == ("green", "red", "very red")
    assert data.facts["features"] == 1


def test_sparse_arff(tmp_path: Path) -> None:
    rows = "\n".join(["{0 2.5, 2 yes}", "{1 red}", "{0 4, 1 'very red', 2 yes}", "{}"] * 5)
    (tmp_path / "s.arff").write_text(ARFF.replace("{rows}", rows))
    data = load(tmp_path, Trial(), path="s.arff", scale="none", test=0.5)
    by_row = dict(zip(data.train.ids, inputs(data).tolist(), strict=True))
    kinds = [[2.5, 1, 0, 0], [0, 0, 1, 0], [4, 0, 0, 1], [0, 1, 0, 0]]
    for row, values in by_row.items():
        assert values == kinds[int(row) % 4]


def test_slow_parse_is_kept_and_found_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame().to_csv(tmp_path / "fruit.csv", index=False)
    monkeypatch.setattr(stored, "SLOW", -1.0)
    monkeypatch.setenv("MIXUP_MULTI_CACHE", str(tmp_path / "cache"))
    first = load(tmp_path, Trial(), path="fruit.csv")
    (copy,) = cache_folder("tabular").iterdir()
    monkeypatch.setattr(stored, "read_frame", None)  # parsing again would fail
    again = load(tmp_path, Trial(), path="fruit.csv")
    assert torch.equal(inputs(first), inputs(again))
    assert first.key == again.key
    monkeypatch.undo()
    monkeypatch.setenv("MIXUP_MULTI_CACHE", str(tmp_path / "cache"))
    copy.write_bytes(copy.read_bytes()[:100])  # a damaged copy is passed over
    assert load(tmp_path, Trial(), path="fruit.csv").key == first.key


def test_missing_file_and_wrong_kind(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "fruit.csv", index=False)
    with pytest.raises(DataError, match=r"friut\.csv is not in .*did you mean 'fruit\.csv'"):
        load(tmp_path, Trial(), path="friut.csv")
    (tmp_path / "fruit.xls").write_text("")
    with pytest.raises(DataError, match=r"expected \.csv, \.arff, \.parquet or \.pq"):
        load(tmp_path, Trial(), path="fruit.xls")


def test_a_file_below_another_data_root_is_told_where_paths_begin(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not in .*data, which is no folder.*the data root"):
        load(tmp_path / "data", Trial(), path="fruit.csv")


@pytest.mark.parametrize(("separator", "said"), [(";", "';'"), ("\t", "a tab"), ("|", "'|'")])
def test_another_separator_is_suggested_and_can_be_set(
    separator: str, said: str, tmp_path: Path
) -> None:
    frame().to_csv(tmp_path / "comma.csv", index=False)
    frame().to_csv(tmp_path / "other.csv", index=False, sep=separator)
    with pytest.raises(DataError) as refusal:
        load(tmp_path, Trial(), path="other.csv")
    hint = f"has {said} between names, not ',': set separator: {json.dumps(separator)}"
    assert hint in str(refusal.value)
    there = load(tmp_path, Trial(), path="other.csv", separator=separator)
    assert there.key == load(tmp_path, Trial(), path="comma.csv").key
    with pytest.raises(SettingError, match="expected one letter"):
        load(tmp_path, Trial(), path="other.csv", separator=";;")


def test_what_cannot_be_parsed_is_told_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "b.csv").write_text("a;b\n1,5;2\n1,5;2,5;3,1\n")
    with pytest.raises(DataError, match="get another copy.* set separator") as refusal:
        load(tmp_path, Trial(), path="b.csv")
    assert "\n" not in str(refusal.value)


def test_a_class_that_is_not_tested_is_noted(tmp_path: Path) -> None:
    few = ["no"] * 30 + ["yes"] * 9 + ["almost"]
    frame().assign(ripe=few).to_csv(tmp_path / "fruit.csv", index=False)
    data = load(tmp_path, Trial(), path="fruit.csv", validation=0.2)
    assert data.notes == ("without a row in test or validation: class 'almost' (1 row)",)
    few[-2] = "almost"
    frame().assign(ripe=few).to_csv(tmp_path / "fruit.csv", index=False)
    assert load(tmp_path, Trial(), path="fruit.csv", test=0.5).notes == ()


@pytest.mark.parametrize("name", ["b.csv", "b.arff", "b.parquet"])
def test_unreadable_file(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"\x00\xff\xfe@data nonsense")
    with pytest.raises(DataError, match="b"):
        load(tmp_path, Trial(), path=name)


def test_wrong_target(tmp_path: Path) -> None:
    frame().to_csv(tmp_path / "fruit.csv", index=False)
    with pytest.raises(SettingError, match="no column 'rype'; did you mean 'ripe'"):
        load(tmp_path, Trial(), path="fruit.csv", target="rype")
    with pytest.raises(SettingError, match="cannot be ignored as well"):
        load(tmp_path, Trial(), path="fruit.csv", target="ripe", ignore=("ripe",))


def test_missing_targets_are_counted() -> None:
    content = frame()
    content.loc[[4, 9, 11], "ripe"] = None
    with pytest.raises(DataError, match="missing in 3 of 40 rows, first in row 4"):
        table_of("t", content, "ripe")


def test_infinite_value_names_column_and_row() -> None:
    content = frame()
    content.loc[7, "weight"] = -np.inf
    with pytest.raises(DataError, match="'weight' is infinite in 1 rows, first in row 7"):
        table_of("t", content, "ripe")


def test_quantity_as_target() -> None:
    with pytest.raises(DataError, match=r"40 distinct numbers .* classification is expected"):
        table_of("t", frame(), "weight")
    content = frame().assign(ripe=[f"row {i}" for i in range(40)])
    with pytest.raises(DataError, match="40 classes in 40 rows"):
        table_of("t", content, "ripe")
    with pytest.raises(DataError, match="1 classes in 40 rows"):
        table_of("t", content.assign(ripe="yes"), "ripe")


def test_numeric_classes_are_named_by_their_numbers() -> None:
    content = frame().assign(ripe=[10, 2, 2, 10] * 10)
    table = table_of("t", content, "ripe")
    assert table.classes == ("2", "10")
    assert table.labels[:4].tolist() == [1, 0, 0, 1]


def test_boolean_target_keeps_its_names() -> None:
    table = table_of("t", frame().assign(ripe=[True, False, False, True] * 10), "ripe")
    assert table.classes == ("False", "True")
    assert table.labels[:4].tolist() == [1, 0, 0, 1]


def test_numbers_with_a_slip_are_not_taken_for_levels() -> None:
    content = frame()
    content["weight"] = content["weight"].map(str)
    content.loc[6, "weight"] = "15o.2"
    with pytest.raises(DataError, match=r"holds numbers, but '15o\.2' in row 6"):
        table_of("t", content, "ripe")


def test_dates_are_refused_and_booleans_are_numbers() -> None:
    content = frame().assign(day=pd.Timestamp("2020-01-01"), sweet=[True, False] * 20)
    with pytest.raises(DataError, match=r"'day' holds datetime64 values.*ignore: \[day\]"):
        table_of("t", content, "ripe")
    table = table_of("t", content, "ripe", ignore=["day"])
    assert table.number_names == ("weight", "sweet")
    assert table.numbers[1, :2].tolist() == [1, 0]


def test_class_of_two_rows_is_trained_and_tested(tmp_path: Path) -> None:
    frame().assign(ripe=["no"] * 30 + ["yes"] * 8 + ["almost"] * 2).to_csv(
        tmp_path / "fruit.csv", index=False
    )
    data = load(tmp_path, Trial(), path="fruit.csv", test=0.5)
    rare = data.classes.index("almost")
    assert int((data.train.labels == rare).sum()) == 1
    assert int((data.test.labels == rare).sum()) == 1
