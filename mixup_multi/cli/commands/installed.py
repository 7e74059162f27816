"""The commands on what is installed: list, doctor, schema."""

from __future__ import annotations

from typing import Annotated

import typer

from mixup_multi.cli import completion as complete
from mixup_multi.cli import options as o
from mixup_multi.cli.program import Commands

PANEL = "What there is"


def register(app: Commands) -> None:
    """Add the commands to an application."""
    app.command("list", rich_help_panel=PANEL)(list_)
    app.command(rich_help_panel=PANEL)(doctor)
    app.command(rich_help_panel=PANEL)(schema)


def list_(
    context: typer.Context,
    what: Annotated[
        str | None,
        typer.Argument(
            help="adapters, datasets, models, methods, attacks, ...; all by default.",
            metavar="[WHAT]",
            autocompletion=complete.kinds,
        ),
    ] = None,
    json_: o.JsonOption = False,
) -> None:
    """List what recipes can name.

    Examples:
      mixup-multi list methods
      mixup-multi list datasets --json
    """
    from mixup_multi.cli.listing import print_lists

    terminal = o.manners(context, as_json=json_)
    with terminal.alone():
        print_lists(what, terminal)


def doctor(context: typer.Context, data: o.DataOption = None, json_: o.JsonOption = False) -> None:
    """Print versions, devices, extras, folders and data, and how to mend what is wrong.

    Examples:
      mixup-multi doctor
      mixup-multi doctor --data ~/data --json
    """
    from mixup_multi.cli.doctor import print_doctor

    terminal = o.manners(context, as_json=json_)
    with terminal.alone():
        code = print_doctor(data, terminal)
    raise typer.Exit(code)


def schema() -> None:
    """Print the JSON Schema of recipes, for editors.

    Examples:
      mixup-multi schema > recipe.schema.json
    """
    from mixup_multi.cli.schema import print_schema

    print_schema()
