"""The page in headless Chromium: no console errors, tables that sort and filter, text as text."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

import pytest

from mixup_multi.report.build import build_report
from mixup_multi.report.page import page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--dump-dom"),
)


def opened(html: str, folder: Path, script: str = "") -> tuple[str, list[str]]:
    """Return the page as it stands after `script` ran in it, and the console's messages.

    The page's own policy allows no foreign script, so it is taken out where one is added.
    """
    if script:
        html = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", html)
        html = html.replace("</body>", f"<script>{script}</script></body>")
    path = folder / "page.html"
    path.write_text(html, "utf-8")
    profile = folder / "profile"
    shutil.rmtree(profile, ignore_errors=True)
    run = [CHROMIUM or "", *FLAGS, f"--user-data-dir={profile}", path.as_uri()]
    done = subprocess.run(run, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line]


def column(dom: str, table: str, number: int) -> list[str]:
    """Return the texts of a table's column."""
    body = dom.split(f'id="{table}"')[1].split("<tbody>")[1].split("</tbody>")[0]
    rows = re.findall(r"<tr.*?>(.*?)</tr>", body, re.DOTALL)
    cells = [re.findall(r"<t[hd].*?>(.*?)</t[hd]>", row, re.DOTALL)[number] for row in rows]
    return [re.sub(r"<.*?>|\s+", " ", cell).strip() for cell in cells]


def press(heading: int, times: int = 1) -> str:
    button = f"document.querySelectorAll('#{TABLE} thead button')[{heading}]"
    return f"{button}.click();" * times


TABLE = "mixupe_tabular-errors-table"


def test_it_opens_without_a_word_on_the_console(grid_page: str, tmp_path: Path) -> None:
    dom, console = opened(grid_page, tmp_path)
    assert console == []
    assert column(dom, TABLE, 0) == ["Letter", "CMC", "Iris"]  # the published table's order


def test_the_console_would_be_heard(grid_page: str, tmp_path: Path) -> None:
    _, console = opened(grid_page, tmp_path, "undefinedFunction()")
    assert "undefinedFunction" in console[0]


@pytest.mark.parametrize(
    ("heading", "times", "expected", "sort"),
    [
        (0, 1, ["CMC", "Iris", "Letter"], "ascending"),
        (0, 2, ["Letter", "Iris", "CMC"], "descending"),
        (2, 1, ["Letter", "Iris", "CMC"], "ascending"),  # 6.67, 15, 45: by number, not by text
        (2, 2, ["CMC", "Iris", "Letter"], "descending"),
    ],
)
def test_pressing_a_heading_sorts(
    heading: int, times: int, expected: list[str], sort: str, grid_page: str, tmp_path: Path
) -> None:
    dom, console = opened(grid_page, tmp_path, press(heading, times))
    assert console == []
    assert column(dom, TABLE, 0) == expected
    head = dom.split(f'id="{TABLE}"')[1].split("</thead>")[0]
    assert re.findall(r'aria-sort="(\w+)"', head)[heading] == sort


def test_typing_filters(grid_page: str, tmp_path: Path) -> None:
    box = f"document.querySelector('[data-filters=\"{TABLE}\"]')"
    script = f"{box}.value = 'iris mlp'; {box}.dispatchEvent(new Event('input'));"
    dom, _ = opened(grid_page, tmp_path, script)
    body = dom.split(f'id="{TABLE}"')[1].split("</tbody>")[0]
    assert len(re.findall(r'<tr hidden="">', body)) == 2
    assert "1 of 3 rows" in dom


@pytest.mark.parametrize(
    "name",
    [
        "<script>alert(1)</script>",
        "<script>document.title = 'hacked'</script><img src=x onerror=\"document.title='hacked'\">",
    ],
)
def test_a_data_set_named_script_is_harmless(
    name: str, new_folder: Callable[[str], Any], tmp_path: Path
) -> None:
    folder = new_folder("out").grid({name: {"ERM": [5.0, 10.0], "Mixup": [5.0, 20.0]}})
    dom, console = opened(page(build_report(folder.path, paper=True)), tmp_path)
    assert console == []
    assert "<title>out - mixup-multi report</title>" in dom
    assert escape(name[:20]) in dom
    assert dom.count("<script") == 1  # our own


@pytest.mark.parametrize("width", [320, 390])
def test_nothing_is_wider_than_a_phone(width: int, grid_page: str, tmp_path: Path) -> None:
    """Tables scroll inside their frames; the page itself does not scroll sideways."""
    script = (
        "const frame = document.createElement('iframe'); frame.style.width = WIDTH;"
        "frame.srcdoc = PAGE; document.body.replaceChildren(frame);"
        "frame.onload = () => { const root = frame.contentDocument.documentElement;"
        "document.title = `${root.scrollWidth} of ${root.clientWidth}`; };"
    )
    outer = "<!DOCTYPE html><html><head><title></title></head><body></body></html>"
    quoted = json.dumps(grid_page).replace("</", "<\\/")
    dom, _ = opened(outer, tmp_path, f"const PAGE = {quoted}, WIDTH = '{width}px'; {script}")
    found = re.search(r"<title>(\d+) of (\d+)</title>", dom)
    assert found is not None
    assert int(found[1]) <= int(found[2])
