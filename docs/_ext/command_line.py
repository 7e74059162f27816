"""The command line's page: every command with its help, arguments, options and examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from markdown import code, table
from rich.text import Text

from mixup_multi.cli import app

PROGRAM = "mixup-multi"
_EXAMPLES = re.compile(r"(?:^ +\S.*\n)+", re.MULTILINE)


def commands(_: str) -> str:
    """Return the reference of the whole command line."""
    whole = typer.main.get_command(app)
    return "\n".join([_help(whole), _options(whole, PROGRAM), *_sections(whole, PROGRAM)])


def _sections(group: Any, path: str) -> Iterator[str]:
    for name, command in group.commands.items():
        if command.hidden:
            continue
        words = f"{path} {name}"
        yield f"## {code(words)}\n"
        if hasattr(command, "commands"):
            yield _help(command)
            yield from _sections(command, words)
        else:
            yield f"```text\n{_usage(command, words)}\n```\n"
            yield _help(command)
            yield _options(command, words)


def _context(command: Any, words: str) -> Any:
    return command.context_class(command, info_name=words)


def _usage(command: Any, words: str) -> str:
    return " ".join([words, *command.collect_usage_pieces(_context(command, words))])


def _help(command: Any) -> str:
    """Return a command's help; its indented lines are examples."""
    text = "\n\n".join(part for part in (command.help, command.epilog) if part)
    plain = Text.from_markup(text.replace("\b", "")).plain + "\n"
    return _EXAMPLES.sub(lambda block: _bash(block[0]), plain)


def _bash(lines: str) -> str:
    return "\n```bash\n" + "\n".join(line.strip() for line in lines.splitlines()) + "\n```\n"


def _options(command: Any, words: str) -> str:
    records = (one.get_help_record(_context(command, words)) for one in command.params)
    return table(
        ("argument or option", ""),
        ((code(names), Text.from_markup(about).plain) for names, about in filter(None, records)),
    )
