"""The documentation's pictures are what their scripts draw, and stand beside their commands."""

from __future__ import annotations

import re
import runpy
import sys
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree

import pytest

from mixup_multi.cli.plan import plan
from mixup_multi.grid.folder.store import CellFolder

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "docs" / "pictures"
SCRIPTS = sorted(PICTURES.glob("explain_*.py"))
PAGES = sorted([ROOT / "README.md", *(ROOT / "docs").rglob("*.md")])
DRAWN = sorted(path for path in PICTURES.iterdir() if path.suffix in {".svg", ".png"})
NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:e[-+]?\d+)?")
PLACES = ("d", "points", "transform", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r")
APART = 0.75
"""Points on the page by which another machine's rounding may move a line; nobody sees less."""
TEXT = "{http://www.w3.org/2000/svg}text"
COMMAND = re.compile(r"`(python docs/pictures/(?P<script>\w+)\.py|[^`]*mixup-multi run)[^`]*`")


def shown(page: Path) -> dict[Path, str]:
    """Return the pictures of docs/pictures that a page shows, and the 300 letters after each."""
    text = page.read_text()
    found = re.finditer(r"!\[[^\]]*\]\((?P<path>[^)\s]*pictures/[^)\s]+)\)", text)
    return {
        (page.parent / each["path"]).resolve(): text[each.end() : each.end() + 300]
        for each in found
    }


def labels(picture: Path) -> list[str]:
    """Return a picture's words and numbers, in the order in which they are drawn."""
    return ["".join(node.itertext()) for node in ElementTree.parse(picture).iter(TEXT)]


def strokes(picture: Path) -> list[tuple[str, list[float]]]:
    """Return what is drawn but words: each element's name, and its coordinates in points."""
    drawn = [node for node in ElementTree.parse(picture).iter() if node.tag != TEXT]
    return [
        (node.tag, [float(n) for key in PLACES for n in NUMBER.findall(node.get(key, ""))])
        for node in drawn
    ]


def assert_drawn_alike(made: Path, kept: Path) -> None:
    again = f"{kept.name}: draw it again"
    assert labels(made) == labels(kept), again
    ours, theirs = strokes(made), strokes(kept)
    assert [(tag, len(at)) for tag, at in ours] == [(tag, len(at)) for tag, at in theirs], again
    for (_, at), (_, there) in zip(ours, theirs, strict=True):
        assert at == pytest.approx(there, abs=APART), again


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_a_script_draws_the_pictures_that_bear_its_name(
    script: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(PICTURES))
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path)])
    made = runpy.run_path(str(script), run_name="__main__")["PICTURES"]
    written = sorted(path.name for path in tmp_path.iterdir())
    assert written == sorted(f"{name}.svg" for name in made)
    assert all(name.startswith(script.stem) for name in made)
    for name in written:
        assert_drawn_alike(tmp_path / name, PICTURES / name)


def test_a_line_that_moved_is_seen(tmp_path: Path) -> None:
    kept = PICTURES / "explain_mixupe_margin.svg"
    line = max(re.findall(r'd="(M [^"]+)"', kept.read_text()), key=len)
    first = NUMBER.findall(line)[0]
    for shift, same in ((0.1, True), (5.0, False)):
        moved = tmp_path / kept.name
        there = line.replace(first, f"{float(first) + shift:.6f}", 1)
        moved.write_text(kept.read_text().replace(line, there))
        with nullcontext() if same else pytest.raises(AssertionError, match="draw it again"):
            assert_drawn_alike(moved, kept)


def test_the_quickstarts_script_draws_its_table(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    script = tmp_path / "quickstart.py"  # it writes beside itself
    script.write_text((PICTURES / "quickstart.py").read_text())
    (planned,) = plan(["quickstart"], [])
    result = {"test_error": 12.5, "epochs": 1, "data_key": "same", "notes": []}
    for cell in planned.cells:
        folder = CellFolder.of(tmp_path / "runs", cell)
        folder.make()
        folder.write_json("result", result)
    monkeypatch.setattr(sys, "argv", [str(script), str(tmp_path / "runs")])
    runpy.run_path(str(script), run_name="__main__")
    drawn = [text.strip() for text in labels(tmp_path / "quickstart.svg")]
    assert drawn.count("12.50\xa0±\xa00.00") == len(planned.cells) // 3  # three trials each


@pytest.mark.parametrize("page", [page for page in PAGES if shown(page)], ids=lambda p: p.name)
def test_a_picture_stands_beside_its_command(page: Path) -> None:
    for picture, after in shown(page).items():
        assert picture in DRAWN
        command = COMMAND.search(after)
        assert command is not None, f"{picture.name}: no command after it"
        script = command["script"]
        if script is not None:
            assert (PICTURES / f"{script}.py").exists()
            assert picture.stem.startswith(script)


def test_every_picture_is_shown_and_together_they_are_small() -> None:
    assert {picture for page in PAGES for picture in shown(page)} == set(DRAWN)
    assert sum(picture.stat().st_size for picture in DRAWN) < 2_000_000


def test_pictures_of_explanations_have_a_card_of_their_own() -> None:
    for picture in PICTURES.glob("explain_*.svg"):
        svg = picture.read_text()
        assert '<rect width="100%" height="100%"' in svg  # dark pages are behind it
        assert "currentColor" not in svg
