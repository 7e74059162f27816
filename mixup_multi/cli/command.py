"""The command as it was given, to stand in reports."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path
from typing import Any

import typer

UNSAID = ("data", "out", "quiet", "json_")
"""Parameters that decide no number, only where things are and how they are told."""


def given_command(context: typer.Context) -> str:
    """Return the command that is running with what was typed that decides a number."""
    words = ["mixup-multi", str(context.info_name)]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is not None and source.name == "COMMANDLINE" and name not in UNSAID:
            option = parameter.opts[0] if parameter.param_type_name == "option" else None
            words += _words(option, parameter.secondary_opts, context.params[name])
    return shlex.join(words)


def _words(option: str | None, negated: Sequence[str], value: Any) -> Iterator[str]:
    if isinstance(value, bool) and option is not None:
        yield option if value else negated[0]
        return
    for one in value if isinstance(value, list | tuple) else [value]:
        if option is not None:
            yield option
        yield _text(one)


def _text(value: Any) -> str:
    """Return a value as it is typed; of a file anywhere on this machine only its name."""
    text = str(value.value if isinstance(value, Enum) else value)
    return Path(text).name if Path(text).is_absolute() else text
