"""The report as Markdown; figures are in the page only, but for those of analyses."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mixup_multi.report.build import Report
from mixup_multi.report.recipes import Story
from mixup_multi.report.sheet import Entry, Sheet


def escape(text: str) -> str:
    """Return text that Markdown prints as it is.

    >>> escape("a|b <c> *d*")
    'a\\\\|b &lt;c&gt; \\\\*d\\\\*'
    """
    joined = re.sub(r"\s+", " ", text)
    named = joined.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_|\[\]#~$])", r"\\\1", named)


def markdown(report: Report) -> str:
    """Return the whole report; what is wrong or absent stands first."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {escape(report.title)}"
    for recipe in report.recipes:
        yield from _recipe(recipe)
    if report.made_with:
        yield from ("", "Made with:", "")
        yield from (f"- {escape(line)}" for line in report.made_with)
    yield from ("", "## Read this first", "")
    for remark in report.remarks:
        sign = "**Problem.** " if remark.kind == "problem" else ""
        yield f"- {sign}{escape(remark.text)}"
        yield from (f"  - {escape(detail)}" for detail in remark.details)
    for section in report.sections:
        yield from ("", f"## {escape(section.title)}")
        for sheet in section.sheets:
            yield from _sheet(sheet)
    if report.analysis_numbers is not None:
        yield from ("", "## Analyses")
        for one in report.analyses:
            yield from ("", f"### {escape(one.title)}", "")
            yield from (f"![{escape(one.title)}]({one.file})", "", escape(one.caption))
        yield from _sheet(report.analysis_numbers)
    yield from ("", "## Made with")
    yield from _sheet(report.environments)
    for recipe in report.recipes:
        yield from ("", f"### The file of the recipe: {escape(recipe.title)}", "")
        yield from _verbatim(recipe.text)
    yield from ("", "Figures and downloads: index.html.")


def _recipe(recipe: Story) -> Iterator[str]:
    source = f" Source: {escape(recipe.source)}." if recipe.source else ""
    yield from ("", f"**{escape(recipe.title)}.**{source} {escape(recipe.progress)}.")
    if recipe.notes:
        yield ""
        yield from (f"- {escape(note)}" for note in recipe.notes)
    for command in recipe.commands:
        yield from ("", *_verbatim(command))


def _verbatim(text: str) -> Iterator[str]:
    """Yield a fenced block, in which nothing has a meaning: its fence is longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (fence, *text.splitlines(), fence)


def _sheet(sheet: Sheet) -> Iterator[str]:
    yield from ("", f"### {escape(sheet.title)}", "", escape(sheet.caption), "")
    yield f"| {' | '.join(map(escape, sheet.headings))} |"
    yield f"|{'|'.join('---:' if right else '---' for right in sheet.numeric)}|"
    for row in sheet.rows:
        yield f"| {' | '.join(map(_entry, row))} |"
    if sheet.notes:
        yield ""
        yield from (f"- {escape(note)}" for note in sheet.notes)


def _entry(entry: Entry) -> str:
    text = escape(entry.text)
    if entry.mark == "best":
        return f"**{text}**"
    return f"<u>{text}</u>" if entry.mark == "near" else text
