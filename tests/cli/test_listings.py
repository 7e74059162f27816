"""What the commands that train nothing print."""

from __future__ import annotations

import json

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
