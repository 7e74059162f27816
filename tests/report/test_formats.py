"""Markdown, LaTeX, CSV and HTML: snapshots, and text that stays text."""

from __future__ import annotations

import base64
import csv
import io
import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from command_line import invoke

from mixup_multi.report.build import build_report
from mixup_multi.report.latex import latex
from mixup_multi.report.markdown import markdown
from mixup_multi.report.page import page
from mixup_multi.report.sheet import records_csv

SNAPSHOTS = Path(__file__).parent / "snapshots"
EVIL = '<script>alert(1)</script> & "x" \\input{y} | $z$ _a_ %'


@pytest.mark.parametrize("name", ["report.md", "report.tex", "report.csv", "page.html"])
def test_the_report_is_as_it_was(name: str, grid_folder: Path) -> None:
    """To accept a change: MIXUP_MULTI_UPDATE_SNAPSHOTS=1 pytest, and read the difference."""
    report = build_report(grid_folder, paper=True, pictures=False)
    texts = {
        "report.md": lambda: markdown(report),
        "report.tex": lambda: latex(report),
        "report.csv": lambda: records_csv([r for s in report.sections for r in s.records]),
        "page.html": lambda: re.sub(r"base64,[\w+/=]+", "base64,...", page(report)),
    }
    text, kept = texts[name](), SNAPSHOTS / name
    if os.environ.get("MIXUP_MULTI_UPDATE_SNAPSHOTS"):
        kept.write_text(text, "utf-8")
    assert text == kept.read_text("utf-8")


def test_csv_keeps_ours_and_the_papers_apart(grid_folder: Path) -> None:
    records = build_report(grid_folder, paper=True, pictures=False).sections[0].records
    rows = list(csv.DictReader(io.StringIO(records_csv(records))))
    iris = next(row for row in rows if (row["dataset"], row["method"]) == ("Iris", "ERM"))
    assert (float(iris["test_error_percent"]), float(iris["published_value"])) == (15.0, 9.06)
    without = build_report(grid_folder, paper=False, pictures=False).sections[0].records
    assert not any(key.startswith("published") for record in without for key in record)


def test_the_best_is_bold_and_those_within_a_standard_error_are_underlined(
    new_folder: Callable[[str], Any],
) -> None:
    """MixupE 10 ± 5 over 3: one standard error is 2.89, so 12.5 is near and 13 is not."""
    errors = {"ERM": [13.0] * 3, "Mixup": [12.5] * 3, "MixupE": [5.0, 10.0, 15.0]}
    folder = new_folder("out").grid({"Iris": errors})
    report = build_report(folder.path, paper=False, pictures=False)
    line = next(line for line in markdown(report).splitlines() if line.startswith("| Iris"))
    assert line == "| Iris | MLP | 13.00 ± 0.00 | <u>12.50 ± 0.00</u> | **10.00 ± 5.00** |"
    row = next(line for line in latex(report).splitlines() if line.startswith("Iris"))
    wanted = r"13.00 $\pm$ 0.00 & \underline{12.50 $\pm$ 0.00} & \textbf{10.00 $\pm$ 5.00} \\"
    assert row == rf"Iris & MLP & {wanted}"


@pytest.fixture(scope="module")
def evil_folder(tmp_path_factory: pytest.TempPathFactory, folder_class: Any) -> Path:
    """A folder whose every text is hostile."""
    folder = folder_class(tmp_path_factory.mktemp("evil") / "out")
    for label in ("ERM", "Mixup", "MixupE"):
        for dataset in (EVIL, f"two {EVIL}"):
            record = folder.record(dataset, label, 0, paper=None)
            record["model"]["label"] = EVIL
            record["method"]["label"] = f"{label} {EVIL}"
            names = [EVIL, "</svg><script>alert(2)</script>"]
            result = folder.result(10.0 + 5 * len(label), notes=[EVIL], class_names=names)
            folder.add(record, result)
    failure = {"message": "</style><img src=x onerror=1>"}
    folder.add(folder.record(EVIL, "ERM", 9), None, failure=failure)
    return Path(folder.path)


@pytest.fixture(scope="module")
def evil_page(evil_folder: Path) -> str:
    return page(build_report(evil_folder, paper=True))


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]


def test_hostile_text_stays_text_also_in_figures(evil_page: str) -> None:
    parser, html = _Tags(), evil_page
    parser.feed(html)
    assert parser.tags.count("script") == 1
    assert "img" not in parser.tags
    assert "<script>alert" not in html
    assert html.count("&lt;script&gt;alert(1)") > 10
    assert "&lt;/svg&gt;" in html  # of a long class name, its start and its end
    assert "svg" in parser.tags


def test_the_page_needs_no_network(evil_page: str) -> None:
    parser, html = _Tags(), evil_page
    parser.feed(html)
    assert all(link.startswith(("#", "data:")) for link in parser.links)
    outside = set(re.findall(r"https?://[^\s\"'<]+", html))
    assert outside <= {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}
    assert "default-src 'none'" in html


def test_downloads_hold_what_the_tables_say(grid_page: str) -> None:
    html = grid_page
    found = dict(re.findall(r'download="([^"]+)" href="data:[^"]*base64,([^"]+)"', html))
    assert len(found) > 15
    curves = base64.b64decode(found["mixupe_tabular-1-curves.csv"]).decode()
    assert curves.splitlines()[:2] == ["method,quantity,epoch,mean,std,n", "ERM,train_loss,1,1,0,3"]
    for name in ("report.csv", "mixupe_tabular-1-confusion.csv", "mixupe_tabular-paired.csv"):
        assert len(base64.b64decode(found[name]).decode().splitlines()) > 3


@pytest.mark.parametrize(
    ("second", "expected"),
    [(["no", "yes"], {"no", "yes"}), (["yes", "no"], {"0", "1"}), (None, {"0", "1"})],
)
def test_confusion_tells_class_names_where_all_cells_agree(
    second: list[str] | None, expected: set[str], new_folder: Callable[[str], Any]
) -> None:
    folder = new_folder("out")
    for seed, names in enumerate([["no", "yes"], second]):
        result = folder.result(10.0, class_names=names)
        folder.add(folder.record("Iris", "ERM", seed), result)
    section = build_report(folder.path, paper=False).sections[0]
    (picture,) = (
        one for _, pictures in section.pictures for one in pictures if "Conf" in one.title
    )
    rows = list(csv.DictReader(io.StringIO(picture.data)))
    assert {row["true"] for row in rows} == {row["predicted"] for row in rows} == expected
    assert all(f">{name}<" in picture.svg for name in expected)


def test_memory_is_told_with_what_was_counted(new_folder: Callable[[str], Any]) -> None:
    folder = new_folder("out")
    for seed, peak in enumerate((2**20, 5 * 2**20)):
        result = folder.result(10.0, peak_memory_bytes=peak)
        folder.add(folder.record("Iris", "ERM", seed), result)
    nothing = {"peak_memory_bytes": None, "peak_memory_of": None}
    folder.add(folder.record("Iris", "Mixup", 0), folder.result(10.0, **nothing))
    cost = build_report(folder.path, paper=False, pictures=False).sections[0].sheet("cost")
    assert cost is not None
    assert [row[8].text for row in cost.rows] == ["5", "not recorded"]
    assert "memory, since the cell began" in cost.notes[0]


def test_markdown_and_latex_escape(evil_folder: Path) -> None:
    report = build_report(evil_folder, paper=False, pictures=False)
    assert "<script" not in markdown(report)
    text = latex(report)
    body = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
    assert r"\input{y}" not in body
    assert r"\textbackslash{}input\{y\}" in body
    assert not re.search(r"(?<!\\)_a", body)


def test_the_command_writes_four_files(new_folder: Callable[[str], Any]) -> None:
    folder = new_folder("out")
    folder.add(folder.record("Iris", "ERM", 0), folder.result(10.0))
    folder.add(folder.record("Iris", "ERM", 1), None)
    done = invoke("report", folder.path, "--paper")
    assert done.code == 0, done.err
    assert "problem 1 cell did not finish" in done.out
    names = {path.name for path in (folder.path / "report").iterdir()}
    assert names == {"report.md", "report.csv", "report.tex", "index.html"}


def test_the_command_says_what_is_no_output_folder(tmp_path: Path) -> None:
    done = invoke("report", tmp_path)
    assert done.code == 2
    assert "holds no cells" in done.err
