"""The analyses of a recipe, at the end of `mixup-multi run`."""

from __future__ import annotations

from collections.abc import Sequence

from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from mixup_multi.cli.exits import DONE, MISTAKE, code_of
from mixup_multi.cli.terminal import Terminal
from mixup_multi.grid.analyses import FOLDER, Made, analyse, folder_of, missing_analyses
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.recipe.cell import Choice


def run_analyses(
    terminal: Terminal, asked: Sequence[Choice], site: Site, *, skip_missing: bool
) -> int:
    """Make what is missing, a line each, and return the exit code."""
    due = missing_analyses(asked, site.out)
    try:
        failed = sum(_tell(terminal, due, site, skip_missing=skip_missing)) if due else 0
    except KeyboardInterrupt as stop:
        terminal.fail("\nStopped. What is done is kept; to go on, run the same command again.")
        return code_of(stop)
    there = len(asked) - len(missing_analyses(asked, site.out))
    terminal.say(f"{there} of {len(asked)} analyses in {escape(str(site.out / FOLDER))}")
    if failed:
        terminal.fail(
            f"[red]{failed} analyses failed[/]; tracebacks: failure.json in their folders"
        )
    return MISTAKE if failed else DONE


def _tell(
    terminal: Terminal, due: Sequence[Choice], site: Site, *, skip_missing: bool
) -> list[bool]:
    """Make analyses with a bar and a line each; return of each whether it failed."""
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
    progress = terminal.bars(*columns, TimeRemainingColumn())
    failed = []
    with progress:
        bar = progress.add_task("analysing", total=len(due))
        for number, made in enumerate(analyse(due, site), start=1):
            left_out = made.missing and skip_missing
            failed.append(made.record is None and not left_out)
            say = terminal.fail if failed[-1] else terminal.say
            say(_line(made, site, f"{number}/{len(due)}", left_out=left_out))
            progress.update(bar, completed=number)
    return failed


def _line(made: Made, site: Site, number: str, *, left_out: bool) -> str:
    heading = escape(f"[{number}] {made.choice.label}")
    if made.record is None:
        said = "left out" if left_out else "[red]failed[/]"
        return f"{said} {heading}: {escape(made.message)}"
    values = ", ".join(f"{name} {value:.4g}" for name, value in made.record["values"].items())
    folder = escape(str(folder_of(site.out, made.choice)))
    return f"{heading}: {escape(values)}; {made.record['seconds']:.1f} s, {folder}"
