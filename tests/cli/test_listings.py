"""What the commands that train nothing print."""

from __future__ import annotations

import json
from importlib.metadata import EntryPoint, metadata

import pytest
from command_line import invoke

from mixup_multi import door
from mixup_multi.cli.sizes import bytes_of, in_words, total


def said(*arguments: str) -> str:
    done = invoke(*arguments)
    assert done.code == 0, done.out + done.err
    return done.out


def test_list_names_everything_that_recipes_can_name() -> None:
    text = said("list")
    for name in (*door.names(door.ADAPTERS), *door.names(door.OBJECTIVES), "quickstart"):
        assert name in text
    for adapter in door.names(door.ADAPTERS):
        for name in door.load_adapter(adapter).datasets:
            assert name in text
    assert "mixupe" not in said("list", "adapters")


def test_show_prints_settings_cells_and_costs() -> None:
    text = said("show", "quickstart")
    assert "form=paper_abs" in text
    assert "36 cells" in text
    assert "17,539" in text  # parameters of the 4-128-128-3 network
    assert "no data" in said("show", "graph_tu", "--data", "nowhere")


def test_schema_is_json_schema() -> None:
    schema = json.loads(said("schema"))
    assert schema["required"] == ["title"]
    assert "parts" in schema["properties"]


def test_data_where_says_what_is_there() -> None:
    text = said("data", "where", "--data", "nowhere")
    line = next(line for line in text.splitlines() if "speech_commands_v2" in line)
    assert "nowhere" in line
    assert " no " in line
    assert "GB" in line


def test_data_verify_counts_rows() -> None:
    text = said("data", "verify", "sklearn_iris", "images/digits")
    assert "120 training, 30 test; 3 classes" in text
    assert "1,438 training, 359 test; 10 classes" in text


@pytest.mark.parametrize("name", ["sklearn_iris", "tones", "motifs"])
def test_embedded_data_needs_no_fetching(name: str) -> None:
    assert "nothing to fetch" in said("data", "fetch", name, "--data", "nowhere")


def test_lists_and_places_are_also_json() -> None:
    methods = json.loads(said("list", "methods", "--json"))["methods"]
    assert {entry["method"] for entry in methods} == set(door.names(door.OBJECTIVES))
    assert all(entry["summary"] for entry in methods)
    assert set(json.loads(said("list", "--json"))) >= {"adapters", "datasets", "models", "attacks"}
    places = {place["name"]: place for place in json.loads(said("data", "where", "--json"))}
    assert places["images/digits"]["there"] == "embedded"
    assert places["images/cifar10"]["download"] == "170 MB"
    for own in ("images/image_folder", "tabular/file"):
        assert (places[own]["there"], places[own]["where"]) == ("your own", "")


def test_doctor_tells_versions_data_and_that_all_is_well(tmp_path) -> None:
    (tmp_path / "cifar-10-batches-py").mkdir()
    found = json.loads(said("doctor", "--data", str(tmp_path), "--json"))
    assert found["problems"] == []
    offered = set(metadata("mixup-multi").get_all("Provides-Extra") or ())
    assert set(found["extras"]) == offered - {"dev", "docs", "test"}
    assert found["versions"]["torch"].startswith("2.11")
    there = {place["name"]: place["there"] for place in found["datasets"]}
    assert (there["images/cifar10"], there["images/svhn"]) == ("yes", "no")
    text = said("doctor", "--data", str(tmp_path))
    assert "no problems found" in text
    assert "\x1b[" not in text


def test_doctor_names_what_is_missing_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["torch>=99", "no-such-package>=1", "ray>=99; extra == 'ray'"]
    monkeypatch.setattr("mixup_multi.cli.diagnosis.requires", lambda _: needs)
    done = invoke("doctor")
    assert done.code == 2
    assert "torch>=99 is required and 2.11.0" in done.out
    assert "no-such-package>=1 is required and it is not installed: pip install" in done.out
    assert "ray>=99" not in done.out


def test_the_version_and_the_exit_codes_are_told() -> None:
    assert said("--version").strip() == "mixup-multi 0.1.0"
    assert "Exit codes" in said("--help")


def test_doctor_counts_downloads_and_says_how_to_install_what_is_absent(tmp_path) -> None:
    found = json.loads(said("doctor", "--data", str(tmp_path), "--json"))
    assert " GB for " in found["to_download"]
    for name, extra in found["extras"].items():
        assert extra["install"] == f"pip install 'mixup-multi[{name}]'"
        assert extra["installed"] == (not extra["lacking"])
    assert found["cache"]["writable"]
    assert found["output"]["writable"]
    assert found["data"] == {"path": str(tmp_path), "exists": True, "free": found["data"]["free"]}


def test_doctor_names_folders_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(dir: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("mixup_multi.cli.diagnosis.tempfile.TemporaryFile", refused)
    done = invoke("doctor")
    assert done.code == 2
    assert "cannot be written (Permission denied); set MIXUP_MULTI_CACHE" in done.out
    assert "cannot be written (Permission denied); name another with --out" in done.out


def test_doctor_names_an_adapter_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    point = EntryPoint("theirs", "no_such_package:Adapter", door.ADAPTERS)
    known = door.entries(door.ADAPTERS)
    monkeypatch.setitem(known, "theirs", point)
    done = invoke("doctor", "--json")
    assert done.code == 2
    (problem,) = json.loads(done.out)["problems"]
    assert "'theirs' (no_such_package:Adapter) cannot be loaded" in problem
    assert "images/digits" in done.out


def test_sizes_in_words() -> None:
    assert bytes_of("0.1 MB to 1 GB") == 1e9
    assert bytes_of("depends on the table") is None
    assert [in_words(size) for size in (120, 2.34e9, 56e9, 3e15)] == [
        "0.1 kB",
        "2.3 GB",
        "56 GB",
        "3000 TB",
    ]
    assert total(["170 MB", "2.3 GB", ""]) == "2.5 GB for 2, and 1 of unknown size"
    assert total([]) == "nothing"
