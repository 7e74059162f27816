"""What every command and group of commands has: its help page, and an answer to a typo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from mixup_multi.cli.exits import MISTAKE, Stopped
from mixup_multi.cli.help import print_help, usage
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.shipped import is_recipe

NAME = "mixup-multi"


class Command(TyperCommand):
    """A command with our help page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's contract
        """Print the page."""
        print_help(self, ctx)


class Group(TyperGroup):
    """A group of commands: it answers a typo, and without a command prints its page."""

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - typer's contract
        """Print the page."""
        print_help(self, ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the arguments; where there are none, print the page: nothing was asked for."""
        if not args and not ctx.resilient_parsing:
            print_help(self, ctx)
            raise typer.Exit(MISTAKE)
        return super().parse_args(ctx, args)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Find the command that the arguments begin with."""
        if not ctx.resilient_parsing and args[0] not in self.commands:
            raise SettingError(_no_command(self, ctx, args[0]))
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **settings: Any) -> Any:
        """Read the command line."""
        with _own_ends():
            return super().make_context(*args, **settings)

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        with _own_ends():
            return super().invoke(ctx)


class Commands(typer.Typer):
    """A typer application whose commands and groups are of these classes."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            cls=Group,
            add_completion=settings.pop("add_completion", False),
            pretty_exceptions_enable=False,
            context_settings={"help_option_names": ["--help", "-h"]},
            **settings,
        )

    def command(self, name: str | None = None, **settings: Any) -> Callable[..., Any]:
        """Register a command; see typer."""
        return super().command(name, **{"cls": Command, **settings})


@contextmanager
def _own_ends() -> Iterator[None]:
    """Let Ctrl-C through to `main`; click has a message and code of its own for it."""
    try:
        yield
    except KeyboardInterrupt as stop:
        raise Stopped(stop) from None


def _no_command(group: Group, context: Any, name: str) -> str:
    if context.parent is None and is_recipe(name):
        return f"there is no command {name!r}; to run a recipe: {NAME} run {name}"
    return f"there is no command {name!r}{did_you_mean(name, group.commands)}"


def print_page(root: Any, names: Sequence[str]) -> None:
    """Print the page of the command that is called by these names, from the whole's context.

    Raises:
        SettingError: there is no such command.
    """
    context = root
    for name in names:
        group = context.command
        known = getattr(group, "commands", {})
        if name not in known:
            raise SettingError(f"there is no command {name!r}{did_you_mean(name, known)}")
        context = type(root)(known[name], info_name=name, parent=context)
    print_help(context.command, context)


def told(error: Any) -> str:
    """Return one line of click's complaint of a command line."""
    context = getattr(error, "ctx", None)
    name = getattr(error, "option_name", None)
    if context is not None and hasattr(error, "possibilities") and name:
        called = [option for one in context.command.params for option in one.opts]
        options = [option for option in called if option.startswith("--")]
        text = f"there is no option {name}{did_you_mean(name, [*options, '--help'])}"
    else:
        text = error.format_message().replace("Value error, ", "").strip().rstrip(".")
        text = text[:1].lower() + text[1:]
    stop = "" if text.endswith("?") else "."
    return text if context is None else f"{text}{stop} Usage: {usage(context)}"
