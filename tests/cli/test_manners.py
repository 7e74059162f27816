"""--quiet, --json, colours, encodings and widths: what goes where, whoever reads it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from command_line import Said, invoke, mixup_multi

from mixup_multi.cli.streams import plain
from mixup_multi.cli.terminal import json_text

RECIPE = """\
title: small
adapter: tabular
datasets: [sklearn_iris]
models: [mlp]
trials: 2
train: {epochs: 1, batch_size: 32, optimizer: sgd}
evaluate: [{name: error, label: again}]
parts:
  - {methods: [erm]}
"""
DIVERGES = "  - {methods: [{name: mixup, label: bad}], train: {lr: 1.0e+30}}\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a recipe that works and one of which a method diverges, both run."""
    place = tmp_path_factory.mktemp("manners")
    (place / "good.yaml").write_text(RECIPE)
    (place / "bad.yaml").write_text(RECIPE + DIVERGES)
    assert invoke("run", place / "good.yaml", "--out", place / "good", "--quiet") == Said(0, "", "")
    return place


def document(*arguments: object, code: int = 0) -> dict[str, Any]:
    """Return the JSON document that a command printed, which is all that it printed to stdout."""
    done = invoke(*arguments, "--json")
    assert done.code == code, done.err
    assert "\x1b" not in done.out
    return json.loads(done.out, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def test_quiet_says_what_failed_and_nothing_else(folder: Path, tmp_path: Path) -> None:
    done = invoke("run", folder / "bad.yaml", "--out", tmp_path / "out", "--quiet")
    assert done.code == 2
    assert done.out == ""
    assert "the loss is nan" in done.err
    assert "2 cells failed" in done.err
    assert "test error" not in done.err


@pytest.mark.parametrize("before", [True, False])
def test_quiet_may_stand_before_or_after_the_command(folder: Path, *, before: bool) -> None:
    words = ["report", folder / "good"]
    assert invoke(*(["-q", *words] if before else [*words, "-q"])) == Said(0, "", "")


def test_quiet_is_not_asked_of_listings(folder: Path) -> None:
    assert "mixupe" in invoke("--quiet", "list", "methods").out
    assert "4 cells" in invoke("-q", "show", folder / "good.yaml", "--set", "trials=4").out


def test_quiet_data_commands(tmp_path: Path) -> None:
    assert invoke("data", "verify", "sklearn_iris", "-q") == Said(0, "", "")
    done = invoke("data", "verify", "mutag", "-q", "--data", tmp_path)
    assert (done.code, done.out) == (2, "")
    assert "mixup-multi data fetch mutag" in done.err


def test_a_run_as_json_has_the_numbers_of_its_table(folder: Path) -> None:
    found = document("run", folder / "good.yaml", "--out", folder / "good")
    assert found["cells"] == {"planned": 2, "done": 2, "failed": 0}
    assert found["exit_code"] == 0
    error, again = found["results"]
    assert (error["measure"], again["measure"]) == ("test error", "again")
    files = sorted((folder / "good").glob("cells/*/result.json"))
    errors = [json.loads(path.read_text())["test_error"] for path in files]
    assert error["mean"] == again["mean"] == pytest.approx(sum(errors) / 2)
    assert error["n"] == 2


def test_failed_cells_are_in_the_document_and_progress_on_stderr(
    folder: Path, tmp_path: Path
) -> None:
    done = invoke("run", folder / "bad.yaml", "--out", tmp_path / "out", "--json")
    found = json.loads(done.out)
    assert (done.code, found["exit_code"], found["cells"]["failed"]) == (2, 2, 2)
    assert "test error" in done.err
    for failure in found["failures"]:
        assert "the loss is nan" in failure["message"]
        assert Path(failure["traceback"]).is_file()


def test_every_listing_is_also_json(folder: Path) -> None:
    good = folder / "good"
    assert {one["state"] for one in document("plan", folder / "good.yaml", "--out", good)["cells"]}
    (shown,) = document("show", folder / "good.yaml")["recipes"]
    assert [cell["train"]["epochs"] for cell in shown["cells"]] == [1, 1]
    assert shown["costs"][0]["parameters"] == 17539
    assert document("index", good)["counts"] == {"done": 2}
    assert document("index", good, "--rebuild")["rebuilt"] is True
    assert document("list")["recipes"]
    assert document("data", "where")
    verified = document("data", "verify", "sklearn_iris")["datasets"][0]
    assert verified["rows"] == {"training": 120, "test": 30}
    assert document("data", "fetch", "tones")["datasets"][0]["state"] == "embedded"
    written = document("report", good)
    assert all(Path(file).is_file() for file in written["files"])
    measured = document("evaluate", good, "--with", folder / "good.yaml")["folders"][0]
    assert measured["evaluations"][0]["n"] == 2


def test_a_mistake_is_a_document_too() -> None:
    for words in (["report", "nosuch"], ["list", "metods"], ["list", "--nonsense"]):
        found = document(*words, code=2)
        assert found["exit_code"] == 2
        assert found["error"]["message"]


def test_what_others_print_does_not_spoil_the_document(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "loud_metric.py").write_text(
        "from mixup_multi.evaluations.error import Error\n"
        "class Loud(Error):\n"
        "    def measure(self, *args, **kwargs):\n"
        "        print('hello')\n"
        "        return super().measure(*args, **kwargs)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "loud.yaml").write_text("evaluate: [{name: 'loud_metric:Loud'}]\n")
    done = invoke("evaluate", folder / "good", "--with", tmp_path / "loud.yaml", "--json")
    assert done.code == 0, done.err
    assert json.loads(done.out)["evaluations_failed"] == 0
    assert "hello" in done.err


def test_what_is_no_number_is_null() -> None:
    assert json.loads(json_text({"a": [float("nan"), 1.5], "b": (float("inf"),)})) == {
        "a": [None, 1.5],
        "b": [None],
    }


def printed(*arguments: object, **variables: str) -> Said:
    """Run the command in a process with nothing but these variables to say what reads it."""
    names = ("COLUMNS", "NO_COLOR", "FORCE_COLOR", "TERM", "PYTHONIOENCODING")
    plain_environment = {key: one for key, one in os.environ.items() if key not in names}
    return mixup_multi(*arguments, environment={**plain_environment, **variables})


def test_a_pipe_gets_no_colour_no_bar_and_no_folded_table() -> None:
    done = printed("list", "methods")
    assert "\x1b" not in done.out
    lines = done.out.splitlines()
    assert all(line == line.rstrip() for line in lines)
    (mixup,) = [line for line in lines if line.startswith("mixupe_released ")]
    assert len(mixup) > 80


def test_colour_can_be_forced_but_no_bar_into_a_pipe(folder: Path) -> None:
    forced = printed("run", folder / "good.yaml", "--out", folder / "forced", FORCE_COLOR="1")
    assert "\x1b[1m" in forced.out
    assert "\x1b[?25l" not in forced.out  # what hides the cursor while a bar is drawn
    assert "\r" not in forced.out
    without = printed("run", "--help", FORCE_COLOR="1", NO_COLOR="1").out
    assert "\x1b[36m" in printed("run", "--help", FORCE_COLOR="1").out
    assert "\x1b[36m" not in without


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_reader_without_unicode_gets_plain_text(folder: Path, encoding: str) -> None:
    words = ("run", folder / "good.yaml", "--out", folder / "good")
    done = printed(*words, PYTHONIOENCODING=encoding)
    assert done.code == 0, done.err
    assert " +- " in done.out
    table = [line for line in done.out.splitlines() if line[:1] in "+|"]
    title = "Evaluations"
    first = [line for line in done.out.partition(title)[0].splitlines() if line[:1] in "+|"]
    assert table
    assert len({len(line) for line in first}) == 1  # laid out with what stands for the ±
    assert printed("run", "nösuch", PYTHONIOENCODING=encoding).code == 2


def test_plain_text_keeps_what_it_can() -> None:
    assert plain("a ± b … ☃") == "a +- b ... ?"


@pytest.mark.parametrize("columns", ["40", "300"])
def test_a_table_folds_and_never_cuts(folder: Path, columns: str) -> None:
    for words in (["list", "recipes"], ["doctor"], ["run", folder / "good.yaml", "--help"]):
        done = printed(*words, COLUMNS=columns)
        assert done.code == 0
        assert "…" not in done.out
    recipes = printed("list", "recipes", COLUMNS=columns).out
    assert max(map(len, recipes.splitlines())) <= int(columns)
