"""`mixup-multi report`: the page and the tables of an output folder."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console
from rich.markup import escape

from mixup_multi.report.build import build_report
from mixup_multi.report.write import write_report


def report_folder(out: Path, *, paper: bool) -> None:
    """Write the report of `out` and print where it lies and what is wrong with the results."""
    report = build_report(out, paper=paper)
    console = Console()
    for remark in report.remarks:
        if remark.kind == "problem":
            said = f"[red]problem[/] {escape(remark.text)}"
            console.print(said, highlight=False, soft_wrap=True)
    for path in write_report(report, out):
        console.print(escape(str(path)), highlight=False, soft_wrap=True)
