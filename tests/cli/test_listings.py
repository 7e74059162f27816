"""What the commands that train nothing print."""

from __future__ import annotations

import json
from importlib.metadata import metadata

import pytest
from command_line import invoke

from mixup_multi import door


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
