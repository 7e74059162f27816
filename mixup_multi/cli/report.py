"""`mixup-multi report`: the page and the tables of an output folder."""

from __future__ import annotations

from pathlib import Path

from rich.markup import escape

from mixup_multi.cli.exits import DONE
from mixup_multi.cli.terminal import Terminal
from mixup_multi.report.build import build_report
from mixup_multi.report.write import write_report


def report_folder(out: Path, *, paper: bool, terminal: Terminal) -> None:
    """Write the report of `out` and print where it lies and what is wrong with the results."""
    report = build_report(out, paper=paper)
    problems = [remark.text for remark in report.remarks if remark.kind == "problem"]
    for problem in problems:
        terminal.fail(f"[red]problem[/] {escape(problem)}")
    files = [str(path) for path in write_report(report, out)]
    for file in files:
        terminal.say(escape(file))
    terminal.answer(
        {
            "exit_code": DONE,
            "out": str(out),
            "files": files,
            "problems": problems,
            "remarks": [remark.text for remark in report.remarks if remark.kind != "problem"],
            "results": [dict(record) for one in report.sections for record in one.records],
        }
    )
