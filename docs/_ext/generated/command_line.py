"""The command line's page: every command with its help, arguments, options and examples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer
from rich.text import Text

from generated.markdown import code, table
from mixup_multi.cli.app import app

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


def _usage(command: Any, words: str) -> str:
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    return " ".join([words, "[OPTIONS]", *map(_argument, arguments)])


def _argument(one: Any) -> str:
    name = one.metavar or one.name.upper()
    return name if one.required else f"[{name}]"


def _help(command: Any) -> str:
    """Return a command's help; its indented lines are examples."""
    text = "\n\n".join(part for part in (command.help, command.epilog) if part)
    plain = Text.from_markup(text.replace("\b", "")).plain + "\n"
    return _EXAMPLES.sub(lambda block: _bash(block[0]), plain)


def _bash(lines: str) -> str:
    return "\n```bash\n" + "\n".join(line.strip() for line in lines.splitlines()) + "\n```\n"


def _options(command: Any, words: str) -> str:
    context = command.context_class(command, info_name=words)
    rows = (_option(one, *one.get_help_record(context)) for one in command.params if not one.hidden)
    return table(("argument or option", ""), rows)


def _option(one: Any, names: str, about: str) -> tuple[str, str]:
    shown = _argument(one) if one.param_type_name == "argument" else names.replace(" range>", ">")
    return code(shown), re.sub(r" {2,}", " ", about)
