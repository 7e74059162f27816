"""The report's tables as LaTeX, with booktabs."""

from __future__ import annotations

import re

from mixup_multi.report.build import Report
from mixup_multi.report.sheet import Entry, Sheet

SPECIAL = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "±": r"$\pm$",
}
PRINTED = ("errors", "reproduction", "paired", "across", "power")


def escape(text: str) -> str:
    """Return text whose special letters stand for themselves.

    >>> escape("50 % of a_b")
    '50 \\\\% of a\\\\_b'
    """
    joined = re.sub(r"\s+", " ", text)
    return "".join(SPECIAL.get(letter, letter) for letter in joined)


def latex(report: Report) -> str:
    """Return a file to \\input, one table environment a table."""
    lines = [r"% \usepackage{booktabs}  Tables of a report by mixup-multi."]
    for recipe in report.recipes:
        said = (recipe.title, recipe.source, *recipe.notes, *recipe.commands, recipe.progress)
        lines += [f"% {_comment(text)}" for text in said if text]
    lines += [f"% {_comment(line)}" for line in report.made_with]
    for remark in report.remarks:
        lines += [f"% {_comment(text)}" for text in (remark.text, *remark.details)]
    for section in report.sections:
        for ending in PRINTED:
            if (sheet := section.sheet(ending)) is not None:
                lines += ["", *table(sheet)]
    return "\n".join(lines) + "\n"


def _comment(text: str) -> str:
    return re.sub(r"\s+", " ", text)


def table(sheet: Sheet) -> list[str]:
    """Return the lines of a table environment."""
    columns = "".join("r" if numeric else "l" for numeric in sheet.numeric)
    notes = " ".join(escape(note) for note in sheet.notes)
    return [
        r"\begin{table}",
        r"\centering\small",
        rf"\caption{{{escape(sheet.caption)}{f' {notes}' if notes else ''}}}",
        rf"\label{{tab:{re.sub(r'[^A-Za-z0-9-]', '-', sheet.name)}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        " & ".join(map(escape, sheet.headings)) + r" \\",
        r"\midrule",
        *(" & ".join(map(_entry, row)) + r" \\" for row in sheet.rows),
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    if entry.mark == "best":
        return rf"\textbf{{{text}}}"
    return rf"\underline{{{text}}}" if entry.mark == "near" else text
