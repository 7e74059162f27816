"""The key `columns` end to end: the terminal's tables and the report, without training again."""

from __future__ import annotations

from pathlib import Path

from command_line import mixup_multi

RECIPE = """\
title: side by side
{columns}trials: 2
adapter: tabular
datasets: [{{name: sklearn_iris, label: Iris}}]
evaluate: [{{name: calibration, label: Calibration}}]
parts:
  - models: [{{name: mlp, label: MLP, widths: [8]}}]
    methods: [{{name: erm, label: ERM}}, {{name: mixup, label: Mixup, alpha: 0.4}}]
    train: {{epochs: 2}}
  - models: [{{name: logistic_regression, label: logistic}}]
    methods: [{{name: erm, label: fitted}}]
    train: {{epochs: 1}}
"""


def _headings(printed: str) -> list[list[str]]:
    """Return the headings of each table in the terminal."""
    lines = [line for line in printed.splitlines() if line.startswith("┃")]
    return [[word.strip() for word in line.strip("┃").split("┃")] for line in lines]


def test_the_layout_changes_tables_and_nothing_else(tmp_path: Path) -> None:
    recipe, out = tmp_path / "r.yaml", tmp_path / "out"
    recipe.write_text(RECIPE.format(columns=""))
    done = mixup_multi("run", recipe, "--out", out)
    assert done.code == 0, done.out + done.err
    assert _headings(done.out)[0] == ["data set", "model", "ERM", "Mixup", "fitted"]
    trained = {path: path.read_bytes() for path in out.glob("cells/*/*.*")}

    recipe.write_text(RECIPE.format(columns="columns: system\n"))
    done = mixup_multi("run", recipe, "--out", out)
    errors, evaluations = _headings(done.out)
    assert errors == ["data set", "MLP / ERM", "MLP / Mixup", "logistic"]
    assert evaluations[:2] == ["data set", "system"]
    assert {path: path.read_bytes() for path in out.glob("cells/*/*.*")} == trained

    done = mixup_multi("evaluate", out, "--with", recipe)
    assert _headings(done.out)[0][:2] == ["data set", "system"]
    assert mixup_multi("report", out).code == 0
    report = (out / "report" / "report.md").read_text()
    assert "| Data set | logistic | MLP / ERM | MLP / Mixup |" in report
    assert "MLP / Mixup - logistic" in report
