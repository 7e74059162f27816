"""The openml folder is the user's: read without a trace, never cleared, completed by `fetch`."""

from __future__ import annotations

import shutil
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from mixup_multi.engine.source import Trial
from mixup_multi.errors import DataError, OutputError, SettingError
from mixup_multi_adapters.tabular import TabularAdapter, openml_fetch
from mixup_multi_adapters.tabular.openml_local import describe, folder_of

DATASETS = TabularAdapter.datasets
IRIS = 61


@pytest.fixture
def root(real_openml: Path, tmp_path: Path) -> Path:
    """A data root of one's own with iris and both abalones."""
    for id in (IRIS, 183, 1557):
        folder = folder_of(tmp_path, id)
        folder.mkdir(parents=True)
        for file in folder_of(real_openml, id).iterdir():
            shutil.copyfile(file, folder / file.name)
    return tmp_path


@pytest.fixture
def openml(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The openml library, which makes folders below HOME when imported, away from the user's."""
    home = tmp_path_factory.mktemp("home")
    for name in ("HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(home))
    import openml

    return openml


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def test_whole_data_root_is_untouched(real_openml: Path) -> None:
    folder = real_openml / "openml"
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*")}
    for name in ("iris", "cmc", "arrhythmia"):
        DATASETS[name].load(real_openml, Trial())
    assert {p: p.stat().st_mtime_ns for p in folder.rglob("*")} == before


def test_table_by_name(root: Path) -> None:
    data = DATASETS["openml"].load(root, Trial(), table="iris")
    assert data.name == "openml_61_iris"
    assert data.classes == ("Iris-setosa", "Iris-versicolor", "Iris-virginica")
    assert data.key == DATASETS["iris"].load(root, Trial()).key


def test_name_of_two_tables_and_of_none(root: Path) -> None:
    with pytest.raises(SettingError, match="id 183 is version 1, id 1557 is version 3"):
        DATASETS["openml"].load(root, Trial(), table="abalone")
    with pytest.raises(DataError, match=r"no data in .*no table 'iriss'; did you mean 'iris'"):
        DATASETS["openml"].load(root, Trial(), table="iriss")
    with pytest.raises(DataError, match="--set id=40996"):
        DATASETS["openml"].load(root, Trial(), id=40996)
    for settings in ({}, {"id": 61, "table": "iris"}):
        with pytest.raises(SettingError, match=r"expected a table's id .* or its name"):
            DATASETS["openml"].load(root, Trial(), **settings)


def test_other_target(root: Path) -> None:
    data = DATASETS["openml"].load(root, Trial(), id=1557, target="V1", ignore=("Class",))
    assert data.classes == ("M", "F", "I")
    assert data.facts["features"] == 7
    with pytest.raises(SettingError, match="no column 'Clas'; did you mean 'Class'"):
        DATASETS["openml"].load(root, Trial(), id=1557, target="Clas")


def test_columns_marked_as_ignored_are_left_out(root: Path) -> None:
    path = folder_of(root, IRIS) / "description.xml"
    mark = "<oml:ignore_attribute>sepallength,petalwidth</oml:ignore_attribute><oml:visibility>"
    path.write_text(path.read_text().replace("<oml:visibility>", mark))
    assert DATASETS["iris"].load(root, Trial()).facts["features"] == 2


@pytest.mark.parametrize("lost", ["dataset.arff", "description.xml"])
def test_incomplete_folder_is_reported_and_kept(lost: str, root: Path) -> None:
    folder = folder_of(root, IRIS)
    (folder / lost).unlink()
    left = names(folder)
    with pytest.raises(DataError, match="mixup-multi data fetch iris"):
        DATASETS["iris"].load(root, Trial())
    assert names(folder) == left


def test_truncated_file_and_broken_description(root: Path) -> None:
    folder = folder_of(root, IRIS)
    whole = (folder / "dataset.arff").read_bytes()
    (folder / "dataset.arff").write_bytes(whole[:-500])
    with pytest.raises(DataError, match="damaged or changed: its MD5 is"):
        DATASETS["iris"].load(root, Trial())
    (folder / "description.xml").write_text("<oml:data_set")
    with pytest.raises(DataError, match=r"description\.xml is no readable XML"):
        DATASETS["iris"].load(root, Trial())


def test_fetch_without_network_keeps_what_is_there(
    root: Path, openml: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library really runs, against a port where nobody listens, and clears its own folder."""
    folder = folder_of(root, IRIS)
    (folder / "dataset.arff").unlink()
    left = names(folder)
    before = openml.config.get_config_as_dict()
    monkeypatch.setattr(openml.config, "server", "http://127.0.0.1:9/api/v1/xml")
    monkeypatch.setattr(openml_fetch, "TRIES", 1)
    start = time.perf_counter()
    with pytest.raises(
        DataError, match=r"OpenML table 61: openml\.org cannot be reached"
    ) as caught:
        DATASETS["iris"].fetch(root)
    assert time.perf_counter() - start < 20
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert names(folder) == left
    assert names(root / "openml") == ["org"]
    after = openml.config.get_config_as_dict()
    assert (after["cachedir"], after["connection_n_retries"]) == (
        before["cachedir"],
        before["connection_n_retries"],
    )


def test_fetch_completes_a_folder(root: Path, openml: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of(root, IRIS)
    whole = {file.name: file.read_bytes() for file in folder.iterdir()}
    (folder / "dataset.arff").unlink()
    asked: list[object] = []

    def get_dataset(table: int | str, **_: object) -> SimpleNamespace:
        asked.append(table)
        arrived = Path(openml.config.get_cache_directory(), "datasets", str(IRIS))
        arrived.mkdir(parents=True)
        for name in ("dataset.arff", "description.xml"):
            (arrived / name).write_bytes(whole[name])
        return SimpleNamespace(dataset_id=IRIS)

    monkeypatch.setattr(openml.datasets, "get_dataset", get_dataset)
    DATASETS["iris"].fetch(root)
    DATASETS["iris"].fetch(root)  # complete: nothing is asked
    openml_fetch.fetch_any(root, table="iris")
    assert asked == [IRIS]
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == whole
    assert names(root / "openml") == ["org"]
    shutil.rmtree(folder)
    openml_fetch.fetch_any(root, table="iris")
    assert asked == [IRIS, "iris"]
    assert describe(folder).name == "iris"


def test_fetch_into_a_root_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "openml").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match="choose another data root"):
        DATASETS["iris"].fetch(tmp_path)


def test_fetch_any_wants_one_name(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="got neither"):
        openml_fetch.fetch_any(tmp_path)
