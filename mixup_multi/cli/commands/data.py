"""The commands on data sets: data fetch, data verify, data where."""

from __future__ import annotations

import typer

from mixup_multi.cli import options as o
from mixup_multi.cli.program import Commands

app = Commands(
    help="""Fetch data sets, check them, or say where they lie.

    Examples:
      mixup-multi data where --data ~/data
      mixup-multi data fetch tabular_uci --data ~/data
      mixup-multi data verify tabular_uci --data ~/data
    """
)


@app.command()
def fetch(
    context: typer.Context,
    names: o.DatasetNames,
    data: o.DataOption = None,
    set_: o.SettingOption = None,
    quiet: o.QuietOption = False,
    json_: o.JsonOption = False,
) -> None:
    """Download data sets into the data root.

    Examples:
      mixup-multi data fetch mutag speech_commands_v2 --data ~/data
      mixup-multi data fetch openml --set id=61
      mixup-multi data fetch tabular_uci
    """
    from mixup_multi.cli.data import fetch_datasets
    from mixup_multi.cli.plan import data_root

    terminal = o.manners(context, quiet=quiet, as_json=json_)
    with terminal.alone():
        code = fetch_datasets(names, data_root(data, made=True), set_ or [], terminal)
    raise typer.Exit(code)


@app.command()
def verify(
    context: typer.Context,
    names: o.DatasetNames,
    data: o.DataOption = None,
    set_: o.SettingOption = None,
    quiet: o.QuietOption = False,
    json_: o.JsonOption = False,
) -> None:
    """Load data sets and print their sizes, classes and content keys.

    Examples:
      mixup-multi data verify sklearn_iris
      mixup-multi data verify tabular_uci --data ~/data
    """
    from mixup_multi.cli.data import verify_datasets
    from mixup_multi.cli.plan import data_root

    terminal = o.manners(context, quiet=quiet, as_json=json_)
    with terminal.alone():
        code = verify_datasets(names, data_root(data), set_ or [], terminal)
    raise typer.Exit(code)


@app.command()
def where(context: typer.Context, data: o.DataOption = None, json_: o.JsonOption = False) -> None:
    """Print where each data set is looked for, whether it is there, and its download's size.

    Examples:
      mixup-multi data where --data ~/data
      mixup-multi data where --json
    """
    from mixup_multi.cli.data import print_places
    from mixup_multi.cli.plan import data_root

    terminal = o.manners(context, as_json=json_)
    with terminal.alone():
        print_places(data_root(data), terminal)
