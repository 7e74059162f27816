"""A search or selection that cannot be is answered with its line, before anything is run."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from mixup_multi.cli import main
from mixup_multi.cli.app import app
from mixup_multi.cli.plan import plan
from mixup_multi.errors import MixupMultiError, SettingError
from mixup_multi.recipe.schema import Range

GOOD = """\
title: a search
adapter: tabular
datasets: [{name: sklearn_iris, validation: 0.2}]
models: [mlp]
methods:
  - erm
  - {name: mixup, label: Mixup}
trials: 2
train: {epochs: 3}
selection: last
search:
  over:
    methods.mixup.alpha: [0.1, 0.4]
    train.schedule.factor: [0.1]
  by: validation_error
"""


def planned(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "search.yaml"
    path.write_text(text)
    return path


def invoke(*arguments: object) -> Result:
    wide = {"COLUMNS": "200", "TERM": "dumb"}
    return CliRunner().invoke(app, list(map(str, arguments)), env=wide, catch_exceptions=False)


ALPHA = "methods.mixup.alpha: [0.1, 0.4]"


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        (ALPHA, "methods.mixpu.alpha: [1]", 13, "did you mean 'methods.Mixup'"),
        (ALPHA, "methods.mixup.alhpa: [1]", 13, "unknown setting 'alhpa'; did you mean 'alpha'?"),
        (ALPHA, "trials: [1]", 13, "expected methods.LABEL.SETTING"),
        (ALPHA, "train.lrr: [1]", 13, "unknown setting 'lrr'; did you mean 'lr'?"),
        (ALPHA, "methods.mixup.alpha: []", 13, "the list is empty"),
        (ALPHA, "methods.mixup.alpha: [0.1, 0.1]", 13, "listed twice"),
        (ALPHA, "methods.mixup.alpha: [much]", 13, "alpha is 'much'"),
        (ALPHA, "methods.mixup.alpha: 0.4", 13, "expected a list of values, or a range"),
        (ALPHA, "methods.mixup.alpha: {low: 1, high: 2}", 13, "a range is for study: optuna"),
        (ALPHA, "methods.mixup.alpha: {low: 1, hihg: 2}", 13, "did you mean 'high'"),
        ("[0.1]", "[-1.0]", 14, "greater than 0"),
        ("by: validation_error", "by: test_error", 15, "'validation_error' or 'validation_loss'"),
        ("by: validation_error", "bye: validation_error", 15, "did you mean 'by'"),
        ("by: validation_error", "n: 3", 15, "n is of study: optuna"),
        ("by: validation_error", "study: optuna", 11, "needs n"),
        ("by: validation_error", "trials: 1", 15, "trials is of per: dataset"),
        ("by: validation_error", "per: dataset\n  trials: 3", 16, "the recipe has 2"),
        ("selection: last", "selection: best_test", 11, "its own validation part only"),
        ("selection: last", "selection: first", 10, "'best_validation'"),
        ("trials: 2", "folds: 3", None, None),
        ("  - erm", "  - {name: mixup, label: Fixed, alpha: 0.4}", 13, "expected methods.LABEL"),
    ],
)
def test_a_mistake_is_named_with_its_line(
    tmp_path: Path, old: str, new: str, line: int | None, said: str | None
) -> None:
    assert old in GOOD
    path = planned(tmp_path, GOOD.replace(old, new))
    if said is None:
        assert plan([str(path)], [])[0].units
        return
    with pytest.raises(SettingError) as caught:
        plan([str(path)], [])
    assert str(caught.value).startswith(f"{path}:{line}:"), caught.value
    assert said in str(caught.value)


def test_a_range_is_checked_at_both_ends(tmp_path: Path) -> None:
    text = GOOD.replace("  by: validation_error", "  study: optuna\n  n: 3")
    for axis, said in (
        ("{low: 2, high: 1}", "not below"),
        ("{low: 0, high: 1, log: true}", "above 0"),
        ("{low: .nan, high: 1}", "finite number"),
        ("[[1, 2]]", "plain values"),
    ):
        path = planned(tmp_path, text.replace("[0.1, 0.4]", axis))
        with pytest.raises(SettingError, match=said) as caught:
            plan([str(path)], [])
        assert str(caught.value).startswith(f"{path}:13:")


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    line=st.integers(9, GOOD.count("\n") - 1),
    value=st.sampled_from(
        ["", "x", "0", "-1", "[]", "{}", "[null]", "[{}]", "true", ".nan", "{low: 1}"]
    ),
    study=st.sampled_from(["", "  study: optuna\n  n: 2\n"]),
)
def test_a_mutated_search_plans_or_says_why(
    tmp_path: Path, line: int, value: str, study: str
) -> None:
    lines = GOOD.splitlines()
    lines[line] = f"{lines[line].partition(':')[0]}: {value}"
    path = planned(tmp_path, "\n".join(lines) + "\n" + study)
    said = str(path)
    try:
        (item,) = plan([str(path)], [])
        json.dumps([[cell.record() for cell in unit.templates] for unit in item.units])
    except MixupMultiError as error:
        said = str(error)
    assert str(path) in said


def test_whole_ends_make_whole_numbers() -> None:
    assert isinstance(Range(low=1, high=5).low, int)
    assert isinstance(Range.model_validate_json('{"low": 1, "high": 5}').high, int)
    assert isinstance(Range.model_validate_json('{"low": 1.0, "high": 5}').low, float)


def test_folds_do_not_share_a_choice(tmp_path: Path) -> None:
    text = GOOD.replace("trials: 2", "folds: 3").replace("by: validation_error", "per: dataset")
    with pytest.raises(SettingError, match="other folds are tested on"):
        plan([str(planned(tmp_path, text))], [])


def test_a_listed_point_that_is_another_entrys_cell_is_refused(tmp_path: Path) -> None:
    text = GOOD.replace("  - erm", "  - {name: mixup, label: Fixed, alpha: 0.4}").replace(
        "    train.schedule.factor: [0.1]\n", ""
    )
    path = planned(tmp_path, text.replace("methods.mixup.alpha", "methods.Mixup.alpha"))
    with pytest.raises(SettingError, match="one and the same cell under two labels"):
        plan([str(path)], [])
    other = path.read_text().replace("[0.1, 0.4]", "[0.1, 0.2]")
    assert len(plan([str(planned(tmp_path, other))], [])[0].cells) == 2


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("selection: fold_mean", 10, "fold_mean needs folds"),
        ("selection: best_test\ntrain: {track_test: false}", 11, "track_test is false"),
    ],
)
def test_a_selection_that_cannot_be_is_named_with_its_line(
    tmp_path: Path, text: str, line: int, said: str
) -> None:
    head = GOOD.partition("search:")[0]
    if "train" in text:
        head = head.replace("train: {epochs: 3}", "seed: 1")
    path = planned(tmp_path, head.replace("selection: last", text))
    with pytest.raises(SettingError, match=said) as caught:
        plan([str(path)], [])
    assert str(caught.value).startswith(f"{path}:{line}:")


@pytest.mark.parametrize("command", ["plan", "show", "run"])
@pytest.mark.parametrize("searched", [True, False])
def test_a_data_set_without_a_validation_part_is_named_before_training(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    searched: bool,
) -> None:
    text = GOOD.replace(", validation: 0.2", "")
    if not searched:
        text = text.partition("search:")[0].replace("last", "best_validation")
    path = planned(tmp_path, text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["mixup-multi", command, str(path)])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert f"{path}:3:" in said
    assert "no validation part, which " + ("a search" if searched else "selection: best") in said
    assert not list(tmp_path.glob("runs/*/cells/*"))


def test_plan_and_show_say_what_a_search_costs(tmp_path: Path) -> None:
    path = planned(tmp_path, GOOD)
    for command in (("plan", path, "--out", tmp_path / "out"), ("show", path)):
        said = invoke(*command).output
        assert "methods.mixup.alpha: 0.1, 0.4; train.schedule.factor: 0.1" in said
        assert "2 choices (per trial), 4 points, 4 search cells" in said
    said = invoke("plan", path, "--out", tmp_path / "out").output
    assert "after the search: 4 cells" in said
    assert "(search: alpha=0.1, train.schedule.factor=0.1)" in said
    assert not (tmp_path / "out").exists()
    assert "selection: last epoch" in invoke("show", path).output
