"""The tutorial tells the truth: its commands run in order, and print what its pages show.

A page's ```bash blocks are commands. A ```text block right after one shows what it prints: each
line but `...` has to be printed, in that order, with any numbers in the place of its own; so a
number may differ between machines, a word may not.
"""

from __future__ import annotations

import re
import runpy
import shlex
import shutil
from collections.abc import Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest
from command_line import Said, invoke
from pandas._libs.parsers import STR_NA_VALUES

from mixup_multi_adapters.tabular.files import read_frame

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial"
FILES = tuple(path for path in (TUTORIAL / "files").iterdir() if path.is_file())
PAGES = ("first_run", "recipe", "own_table", "report", "questions", "estimator")
INSTALLING = ("python3 -m venv .venv", "source .venv/bin/activate", "pip install .")
SMALLER = {"quickstart": ("--set", "trials=1", "--set", "train.epochs=1")}
"""What is added to a command so that this test is quick; its shown lines keep their form."""
REFUSED = "first_typo.yaml"
BLOCK = re.compile(r"```bash\n(?P<commands>.*?)```(?:\s*```text\n(?P<shown>.*?)```)?", re.DOTALL)


@dataclass(frozen=True)
class Shown:
    """Commands of a page, and the lines that it shows of the last one's output."""

    commands: tuple[str, ...]
    lines: tuple[str, ...]


def blocks(page: str) -> Iterator[Shown]:
    for found in BLOCK.finditer((TUTORIAL / f"{page}.md").read_text()):
        lines = (found["shown"] or "").splitlines()
        wanted = (line for line in map(form, lines) if line not in ("", "..."))
        yield Shown(tuple(found["commands"].splitlines()), tuple(wanted))


def form(line: str) -> str:
    """Return a line without what differs between machines and terminals: numbers and widths."""
    line = re.sub(r"\b[0-9a-f]{12,}\b|[+-]?\d[\d.,]*", "#", line)
    return " ".join(re.sub(r"[━─]+", "-", line).split())


def perform(command: str) -> Said:
    words = shlex.split(command)
    if words[0] == "mixup-multi":
        more = SMALLER.get(words[2], ()) if words[1] == "run" else ()
        return invoke(*words[1:], *more)
    assert words[0] == "python", command
    out = StringIO()
    with redirect_stdout(out):
        runpy.run_path(words[1], run_name="__main__")
    return Said(0, out.getvalue(), "")


def check(shown: Shown, said: Said) -> None:
    assert said.code == (2 if REFUSED in shown.commands[-1] else 0), said.err
    printed = iter([form(line) for line in (said.out + said.err).splitlines()])
    for line in shown.lines:
        assert line in printed, f"{shown.commands[-1]} did not print, in this order: {line}"


@pytest.fixture
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MIXUP_MULTI_DATA", raising=False)
    monkeypatch.setenv("MIXUP_MULTI_CACHE", str(tmp_path / "cache"))
    for file in FILES:
        shutil.copy(file, tmp_path)
    return tmp_path


def test_the_tutorials_commands_run_in_order_and_print_what_it_shows(empty_folder: Path) -> None:
    for page in PAGES:
        for shown in blocks(page):
            if shown.commands == INSTALLING:
                continue
            for command in shown.commands:
                said = perform(command)
            check(shown, said)
    assert (empty_folder / "runs" / "pumps" / "report" / "index.html").is_file()


def test_every_page_is_run_and_every_file_shown() -> None:
    index = (TUTORIAL / "index.md").read_text()
    listed = index.partition("{toctree}")[2].partition("\n\n")[2].partition("```")[0].split()
    assert tuple(listed) == PAGES
    text = "".join((TUTORIAL / f"{page}.md").read_text() for page in PAGES)
    shown = set(re.findall(r"\{literalinclude\} files/(\S+)", text))
    assert shown == {file.name for file in FILES}


def test_the_words_for_a_gap_are_those_that_are_read_as_one(tmp_path: Path) -> None:
    text = (TUTORIAL / "own_table.md").read_text()
    listed = re.search(r"- A gap is (?P<words>.*?)\. So", text, re.DOTALL)
    assert listed is not None
    words = re.findall(r"`([^`]+)`", listed["words"])
    others = ["-", "missing", "-999", "unknown"]
    (tmp_path / "gaps.csv").write_text("a,b\n" + "".join(f"{w},1\n" for w in [*words, *others]))
    column = read_frame("gaps", tmp_path / "gaps.csv")["a"]
    assert column.isna().tolist() == [True] * len(words) + [False] * len(others)
    assert set(words) == {"?", *STR_NA_VALUES} - {""}


@pytest.mark.parametrize("page", PAGES)
def test_a_page_read_as_markdown_links_the_files_that_it_includes(page: str) -> None:
    text = (TUTORIAL / f"{page}.md").read_text()
    for name in re.findall(r"\{literalinclude\} files/(\S+)", text):
        assert f"[{name}](files/{name})" in text


LINE = "[1/35] Pumps / MLP: test error 12.34 %"
SHOWN = Shown(("mixup-multi run",), (form(LINE),))


def test_a_shown_line_may_differ_in_its_numbers() -> None:
    check(SHOWN, Said(0, LINE.replace("12.34", "5"), ""))


@pytest.mark.parametrize("printed", [LINE.replace("Pumps", "Lamps"), ""])
def test_a_shown_line_that_is_not_printed_is_told(printed: str) -> None:
    with pytest.raises(AssertionError, match="did not print"):
        check(SHOWN, Said(0, printed, ""))


def test_a_command_that_fails_is_told() -> None:
    with pytest.raises(AssertionError, match="no such file"):
        check(SHOWN, Said(2, LINE, "no such file"))
