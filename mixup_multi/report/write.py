"""Writing the report's files below the output folder."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from mixup_multi.engine.cache import not_written, write_atomically
from mixup_multi.report.build import Report
from mixup_multi.report.latex import latex
from mixup_multi.report.markdown import markdown
from mixup_multi.report.page import page
from mixup_multi.report.sheet import records_csv


def write_report(report: Report, out: Path) -> list[Path]:
    """Write report.md, report.csv, report.tex and index.html to `out`/report, and return them.

    Raises:
        WriteError: they cannot be written.
    """
    folder = out / "report"
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    records = [record for section in report.sections for record in section.records]
    contents = {
        "report.md": markdown(report),
        "report.csv": records_csv(records),
        "report.tex": latex(report),
        "index.html": page(report),
    }
    for name, text in contents.items():
        write_atomically(folder / name, partial(Path.write_text, data=text, encoding="utf-8"))
    return [folder / name for name in contents]
