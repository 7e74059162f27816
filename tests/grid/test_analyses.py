"""Analyses in an output folder: made once, again where not whole, and never half."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from mixup_multi.analysis import Analysis, Found
from mixup_multi.errors import DataError, MissingDataError, WriteError
from mixup_multi.grid import analyses
from mixup_multi.grid.analyses import (
    Made,
    analyse,
    folder_of,
    kept_analyses,
    missing_analyses,
    whole_record,
)
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.recipe.cell import Choice


class Counting(Analysis):
    """Counts how often it is computed; `fails` says how."""

    times: ClassVar[int] = 0

    def __init__(self, *, start: int = 0, fails: str = "") -> None:
        self.start = start
        self.fails = fails

    @property
    def caption(self) -> str:
        return "A line."

    def compute(self, root: Path, device: torch.device) -> Found:
        type(self).times += 1
        if self.fails:
            kinds: dict[str, Any] = {"data": DataError, "missing": MissingDataError}
            raise kinds.get(self.fails, ZeroDivisionError)("it fails")
        rows = tuple((x, 0.1 * x) for x in range(self.start, self.start + 3))
        return Found(("x", "y"), rows, {"sum": float(sum(row[1] for row in rows))})

    def draw(self, found: Found, figure: Any) -> None:
        figure.subplots().plot(found.column("x"), found.column("y"))


def choice(label: str = "a line", **settings: Any) -> Choice:
    return Choice(f"{__name__}:Counting", label, {"start": 0, "fails": "", **settings})


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setattr(Counting, "times", 0)
    monkeypatch.setattr(analyses.door, "make", lambda _, entry: Counting(**_settings(entry)))
    return Site(tmp_path, tmp_path / "out", torch.device("cpu"))


def _settings(entry: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entry.items() if key != "name"}


def run(choices: list[Choice], site: Site) -> list[Made]:
    return list(analyse(missing_analyses(choices, site.out), site))


def test_it_is_made_once(site: Site) -> None:
    (first,) = run([choice()], site)
    folder = folder_of(site.out, choice())
    assert {path.name for path in folder.iterdir()} == {
        "analysis.json",
        "values.csv",
        "figure.svg",
        "figure.png",
    }
    assert (folder / "values.csv").read_text() == "x,y\n0,0\n1,0.1\n2,0.2\n"
    record = json.loads((folder / "analysis.json").read_text())
    assert record["values"] == {"sum": pytest.approx(0.3)}
    assert record["settings"] == {"start": 0, "fails": ""}
    assert record["environment"]["packages"]["torch"]
    assert first.record is not None
    assert whole_record(folder) == first.record
    assert run([choice()], site) == []
    assert run([replace(choice(), label="another label")], site) == []
    assert Counting.times == 1
    assert len(run([choice(start=5)], site)) == 1
    assert len(kept_analyses(site.out)) == 2


@pytest.mark.parametrize("name", ["analysis.json", "values.csv", "figure.svg", "figure.png"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_what_is_not_whole_is_made_again(name: str, damage: str, site: Site) -> None:
    run([choice()], site)
    path = folder_of(site.out, choice()) / name
    before = path.read_bytes()
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(before[:-20])
    assert kept_analyses(site.out) == {}
    run([choice()], site)
    assert Counting.times == 2
    if name != "analysis.json":  # which holds the seconds
        assert path.read_bytes() == before


def test_a_killed_one_starts_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(analyses, "write_json", killed)
        with pytest.raises(KeyboardInterrupt):
            run([choice()], site)
    folder = folder_of(site.out, choice())
    (folder / ".values.csv.1.tmp").write_text("half")
    assert whole_record(folder) is None
    assert run([choice()], site)[0].record is not None
    assert not list(folder.glob(".*"))


@pytest.mark.parametrize("kind", ["data", "missing", "defect"])
def test_one_that_fails_is_told_and_the_others_go_on(kind: str, site: Site) -> None:
    failing = choice(fails=kind)
    bad, good = run([failing, choice()], site)
    assert bad.record is None
    assert bad.missing == (kind == "missing")
    expected = "ZeroDivisionError: it fails" if kind == "defect" else "it fails"
    assert bad.message == expected
    failure = json.loads((folder_of(site.out, failing) / "failure.json").read_text())
    assert "Traceback" in failure["traceback"]
    assert good.record is not None
    assert missing_analyses([failing, choice()], site.out) == [failing]


def test_a_folder_that_cannot_be_made(site: Site) -> None:
    site.out.mkdir()
    (site.out / "analyses").write_text("a file")
    with pytest.raises(WriteError):
        run([choice()], site)
