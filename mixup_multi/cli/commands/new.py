"""The commands that write projects: new adapter, new method."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from mixup_multi.cli import options as o
from mixup_multi.cli.program import Commands

app = Commands(
    help="""Write a new adapter or method: a package that works, to be changed.

    Examples:
      mixup-multi new adapter ecg-beats
      mixup-multi new method soft-pairs
    """
)

Name = Annotated[
    str, typer.Argument(help="Its name: small letters, digits and hyphens, e.g. ecg-beats.")
]
IntoOption = Annotated[
    Path, typer.Option(metavar="DIR", help="Where its folder is made. Default: here.")
]


@app.command()
def adapter(
    context: typer.Context,
    name: Name,
    into: IntoOption = Path(),
    quiet: o.QuietOption = False,
    json_: o.JsonOption = False,
) -> None:
    """Write an adapter: data sets, a model, the test of the contract, a recipe.

    Examples:
      mixup-multi new adapter ecg-beats
      mixup-multi new adapter ecg-beats --into ~/projects
    """
    from mixup_multi.cli.new import make_project

    make_project("adapter", name, into, o.manners(context, quiet=quiet, as_json=json_))


@app.command()
def method(
    context: typer.Context,
    name: Name,
    into: IntoOption = Path(),
    quiet: o.QuietOption = False,
    json_: o.JsonOption = False,
) -> None:
    """Write a training method: one file, the test of the contract, a recipe.

    Examples:
      mixup-multi new method soft-pairs
    """
    from mixup_multi.cli.new import make_project

    make_project("method", name, into, o.manners(context, quiet=quiet, as_json=json_))
