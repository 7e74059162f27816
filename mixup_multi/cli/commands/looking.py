"""The commands that look at recipes and output folders and train nothing: plan, show, index."""

from __future__ import annotations

from typing import Annotated

import typer

from mixup_multi.cli import options as o
from mixup_multi.cli.program import Commands

PANEL = "Look before and after"


def register(app: Commands) -> None:
    """Add the commands to an application."""
    for command in (plan, show, index):
        app.command(rich_help_panel=PANEL)(command)


def plan(
    context: typer.Context,
    recipes: o.Recipes,
    data: o.DataOption = None,
    out: o.OutOption = None,
    set_: o.SetOption = None,
    only: o.OnlyOption = None,
    json_: o.JsonOption = False,
) -> None:
    """Print each cell and how far it is, and about how long the rest will take.

    Examples:
      mixup-multi plan tabular_uci --data ~/data
      mixup-multi plan tabular_uci --only Iris --only ERM
      mixup-multi plan tabular_uci --out /shared/runs --json
    """
    from mixup_multi.cli.plan import data_root
    from mixup_multi.cli.states import print_states

    terminal = o.manners(context, as_json=json_)
    with terminal.alone():
        print_states(recipes, set_ or [], data_root(data), out, terminal, only or [])


def show(
    context: typer.Context,
    recipes: o.Recipes,
    data: o.DataOption = None,
    set_: o.SetOption = None,
    only: o.OnlyOption = None,
    json_: o.JsonOption = False,
) -> None:
    """Print the resolved recipes with every setting, their cells, and what each costs.

    Examples:
      mixup-multi show speech_vgg13 --data ~/data
      mixup-multi show mine.yaml --set trials=1 --json
    """
    from mixup_multi.cli.plan import data_root
    from mixup_multi.cli.show import show_recipes

    terminal = o.manners(context, as_json=json_)
    with terminal.alone():
        show_recipes(recipes, set_ or [], data_root(data), terminal, only or [])


def index(
    context: typer.Context,
    out: o.Out,
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Write OUT/index.sqlite anew from the cell folders.")
    ] = False,
    json_: o.JsonOption = False,
) -> None:
    """Count what an output folder's index holds, or rebuild it.

    The index is for queries only; the cell folders are the truth, and it may be deleted.

    Examples:
      mixup-multi index runs/quickstart
      mixup-multi index runs/quickstart --rebuild
    """
    from mixup_multi.cli.states import print_index

    print_index(out, rebuild=rebuild, terminal=o.manners(context, as_json=json_))
