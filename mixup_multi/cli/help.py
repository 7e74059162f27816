"""The help pages: usage, text, examples, arguments, options in groups, exit codes.

They are laid out here, not by typer, whose pages break the lines of examples, draw boxes that
cannot be copied, and import a Markdown parser for it (0.1 s of a `--help`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from rich.markup import escape
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from mixup_multi.cli.exits import DONE, INTERRUPTED, MEANINGS, MISTAKE
from mixup_multi.cli.terminal import Paper, paper

EXAMPLES = "Examples:\n"
NARROW = 60
"""Below so many columns a description stands under its option, not beside it."""
PAGE = 90
"""Columns of a page at most: longer lines of prose are hard to read."""
Row = tuple[str, str]


def print_help(command: Any, context: Any) -> None:
    """Print the page of a command or a group of commands."""
    console = paper(without_terminal=PAGE)
    console.width = min(console.width, PAGE)
    whole = context.parent is None
    text, _, examples = (command.help or "").partition(EXAMPLES)
    console.print(f"[bold]Usage:[/] {escape(usage(context))}\n", soft_wrap=True)
    console.print(escape(text.strip()))
    if examples:
        console.print("\n[bold]Examples[/]")
        for line in examples.strip().splitlines():
            console.print(Text(f"  {line.strip()}", style="cyan"), soft_wrap=True)
    for title, rows in [*_arguments(command), *_commands(command), *_options(command)]:
        _print_rows(console, title, rows)
    codes = MEANINGS if whole else {code: MEANINGS[code] for code in (DONE, MISTAKE, INTERRUPTED)}
    _print_rows(console, "Exit codes", [(str(code), said) for code, said in codes.items()])


def usage(context: Any) -> str:
    """Return how a command is called: `mixup-multi run [OPTIONS] RECIPE...`."""
    command = context.command
    arguments = [_name(one) for one in command.params if one.param_type_name == "argument"]
    tail = ["COMMAND [ARGS]..."] if hasattr(command, "commands") else arguments
    return " ".join([context.command_path, "[OPTIONS]", *tail])


def _arguments(command: Any) -> list[tuple[str, list[Row]]]:
    found = [one for one in command.params if one.param_type_name == "argument"]
    return [("Arguments", [(_name(one), _said(one)) for one in found])] if found else []


def _name(argument: Any) -> str:
    """Return an argument as it stands in the usage."""
    name = argument.metavar or argument.name.upper() + "..." * (argument.nargs == -1)
    return name if argument.required or name.startswith("[") else f"[{name}]"


def _commands(command: Any) -> list[tuple[str, list[Row]]]:
    """Return the commands of a group, by their panels, in the order in which they were made."""
    panels: dict[str, list[Row]] = {}
    for name, one in getattr(command, "commands", {}).items():
        if not one.hidden:
            first, _, _ = (one.help or "").partition("\n\n")
            title = getattr(one, "rich_help_panel", None) or "Commands"
            rows = panels.setdefault(title if isinstance(title, str) else "Commands", [])
            rows.append((name, " ".join(first.split())))
    return list(panels.items())


def _options(command: Any) -> list[tuple[str, list[Row]]]:
    """Return the options by their panels; those without one come first."""
    panels: dict[str, list[Row]] = {"Options": []}
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden:
            title = getattr(one, "rich_help_panel", None)
            rows = panels.setdefault(title if isinstance(title, str) else "Options", [])
            rows.append((_call(one), _said(one)))
    panels["Options"].append(("--help, -h", "Print this page."))
    return list(panels.items())


def _call(option: Any) -> str:
    """Return an option as it is typed, with what it takes."""
    names = ", ".join(sorted([*option.opts, *option.secondary_opts], key=len, reverse=True))
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper()}"


def _said(parameter: Any) -> str:
    """Return what a parameter does; by which variable and that it is needed."""
    text = " ".join((parameter.help or "").split())
    needed = " (required)" if parameter.required and parameter.param_type_name == "option" else ""
    variable = f" Or by ${parameter.envvar}." if parameter.envvar else ""
    return f"{text}{needed}{variable}"


def _print_rows(console: Paper, title: str, rows: Iterable[Row]) -> None:
    rows = list(rows)
    console.print(f"\n[bold]{escape(title)}[/]")
    if console.width < NARROW:
        for name, said in rows:
            console.print(Text(f"  {name}", style="cyan"))
            console.print(Padding(escape(said), (0, 0, 0, 6)))
        return
    grid = Table.grid(padding=(0, 2))
    widest = min(max(len(name) for name, _ in rows), console.width // 2 - 4)
    grid.add_column(style="cyan", width=widest + 2, overflow="fold")
    grid.add_column(ratio=1)
    for name, said in rows:
        grid.add_row(Padding(escape(name), (0, 0, 0, 2)), escape(said))
    console.print(grid)
