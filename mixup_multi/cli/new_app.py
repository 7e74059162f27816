"""The commands of `mixup-multi new`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

new_app = typer.Typer(help="Write a new adapter or method: a package that works, to be changed.")

Name = Annotated[
    str, typer.Argument(help="Its name: small letters, digits and hyphens, e.g. ecg-beats.")
]
IntoOption = Annotated[
    Path, typer.Option(metavar="DIR", help="Where its folder is made. Default: here.")
]


@new_app.command()
def adapter(name: Name, into: IntoOption = Path()) -> None:
    """Write an adapter: data sets, a model, the test of the contract, a recipe.

    Examples:
      mixup-multi new adapter ecg-beats
      mixup-multi new adapter ecg-beats --into ~/projects
    """
    from mixup_multi.cli.new import make_project

    make_project("adapter", name, into)


@new_app.command()
def method(name: Name, into: IntoOption = Path()) -> None:
    """Write a training method: one file, the test of the contract, a recipe.

    Examples:
      mixup-multi new method soft-pairs
    """
    from mixup_multi.cli.new import make_project

    make_project("method", name, into)
