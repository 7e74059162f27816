"""The whole command line, put together from the groups of commands in `commands`."""

from __future__ import annotations

from typing import Annotated

import typer

from mixup_multi.cli.commands import data, installed, looking, new, running
from mixup_multi.cli.program import Commands, print_page

app = Commands(
    name="mixup-multi",
    help="""Mixup-family training for images, tables, speech and graphs.

    Examples:
      mixup-multi run quickstart
      mixup-multi list methods
      mixup-multi doctor
    """,
    add_completion=True,
)
running.register(app)
looking.register(app)
installed.register(app)
app.add_typer(data.app, name="data", rich_help_panel=installed.PANEL)
app.add_typer(new.app, name="new", rich_help_panel="Write your own")


def _print_version(wanted: bool) -> None:
    if wanted:
        from mixup_multi import __version__

        typer.echo(f"mixup-multi {__version__}")
        raise typer.Exit


@app.callback()
def _whole(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it."),
    ] = False,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="As --quiet of the command that follows.")
    ] = False,
) -> None: ...


@app.command("help", rich_help_panel=installed.PANEL)
def help_(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="A command.", metavar="[COMMAND]...")
    ] = None,
) -> None:
    """Print the page of a command, as its --help does.

    Examples:
      mixup-multi help run
      mixup-multi help data fetch
    """
    print_page(context.find_root(), names or [])
