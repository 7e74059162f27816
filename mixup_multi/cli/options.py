"""The arguments and options that commands share, and what they complete to in a shell."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mixup_multi.cli import completion as complete
from mixup_multi.cli.terminal import Terminal

WHERE = "Where it runs"
AGAIN = "What is run"
SAID = "What is printed"

Recipes = Annotated[
    list[str],
    typer.Argument(
        help="Recipe files, or names of shipped recipes.",
        metavar="RECIPE...",
        autocompletion=complete.recipes,
    ),
]
Out = Annotated[
    Path,
    typer.Argument(
        help="The output folder of a run.", metavar="OUT", autocompletion=complete.outputs
    ),
]
Outs = Annotated[
    list[Path],
    typer.Argument(
        help="Output folders of runs.", metavar="OUT...", autocompletion=complete.outputs
    ),
]
DatasetNames = Annotated[
    list[str],
    typer.Argument(
        help="Data sets, or recipes whose data sets are meant.",
        metavar="NAME...",
        autocompletion=complete.datasets,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        envvar="MIXUP_MULTI_DATA",
        show_envvar=False,
        help="Data root. Default: ./data.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out", metavar="FOLDER", help="Output folder. Default: runs/NAME of the first recipe."
    ),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="Change a recipe's key, e.g. train.epochs=3. May be repeated.",
        autocompletion=complete.assignments,
    ),
]
OnlyOption = Annotated[
    list[str] | None,
    typer.Option(
        "--only",
        metavar="LABEL",
        help="Only what has this label or name (data set, model, method). May be repeated.",
    ),
]
SettingOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="KEY=VALUE", help="A setting of the data set, e.g. id=61. May be repeated."
    ),
]
EvaluationsOption = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="FILE",
        help="A file with `evaluate`, or the name of a shipped one.",
        autocompletion=complete.evaluations,
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda or cuda:N. Default: auto.",
        show_default=False,
        rich_help_panel=WHERE,
        autocompletion=complete.devices,
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON document; all else goes to stderr.", rich_help_panel=SAID
    ),
]
QuietOption = Annotated[
    bool,
    typer.Option(
        "--quiet", "-q", help="Print nothing but what failed, to stderr.", rich_help_panel=SAID
    ),
]


class Retry(StrEnum):
    """What `--retry` can name."""

    failed = "failed"


class TrackerName(StrEnum):
    """What `--tracker` can name."""

    mlflow = "mlflow"
    tensorboard = "tensorboard"


def manners(
    context: typer.Context, *, as_json: bool = False, quiet: bool | None = None
) -> Terminal:
    """Return how a command speaks.

    `mixup-multi --quiet COMMAND` is as `COMMAND --quiet`; a listing, which has no such option
    (`quiet` is None), is printed all the same.
    """
    whole = bool(context.find_root().params.get("quiet"))
    return Terminal(quiet=quiet is not None and (quiet or whole), as_json=as_json)
