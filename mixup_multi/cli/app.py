"""The commands and their options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mixup_multi.cli.new_app import new_app
from mixup_multi.cli.optional import OptionalRayAddress

app = typer.Typer(
    name="mixup-multi",
    help="Mixup-family training for images, tables, speech and graphs.\n\n"
    "Example: mixup-multi run quickstart\n\n"
    "Exit codes: 0 all is done; 2 a mistake, or cells that failed; 130 stopped by Ctrl-C.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
data_app = typer.Typer(help="Fetch data sets, check them, or say where they lie.")
app.add_typer(data_app, name="data", no_args_is_help=True)
app.add_typer(new_app, name="new", no_args_is_help=True)

Recipes = Annotated[
    list[str],
    typer.Argument(help="Recipe files, or names of shipped recipes.", metavar="RECIPE..."),
]
DataOption = Annotated[
    Path | None,
    typer.Option("--data", envvar="MIXUP_MULTI_DATA", help="Data root. Default: ./data."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a recipe's key, e.g. train.epochs=3."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print it as JSON.")]
OutOption = Annotated[
    Path | None, typer.Option(help="Output folder. Default: runs/NAME of the first recipe.")
]


class Retry(StrEnum):
    """What `--retry` can name."""

    failed = "failed"


class TrackerName(StrEnum):
    """What `--tracker` can name."""

    mlflow = "mlflow"
    tensorboard = "tensorboard"


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
) -> None: ...


@app.command(cls=OptionalRayAddress)
def run(
    context: typer.Context,
    recipes: Recipes,
    data: DataOption = None,
    out: OutOption = None,
    device: DeviceOption = "auto",
    skip_missing: Annotated[
        bool, typer.Option("--skip-missing", help="Leave out cells whose data is not there.")
    ] = False,
    jobs: Annotated[int, typer.Option(min=1, help="How many processes train.")] = 1,
    devices: Annotated[
        int, typer.Option(min=1, help="On how many devices each cell trains (extra: fabric).")
    ] = 1,
    retry: Annotated[
        Retry | None, typer.Option(help="failed: run again the cells that failed earlier.")
    ] = None,
    no_cohort: Annotated[
        bool,
        typer.Option("--no-cohort", help="Train every cell by itself, not stacked with others."),
    ] = False,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[HOST:PORT]",
            help="Train on a Ray cluster; by default this machine's.",
        ),
    ] = None,
    ray_gpus: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="With --ray: of a GPU for a cell. Default: 1 or 0."),
    ] = None,
    tracker: Annotated[
        TrackerName | None, typer.Option(help="Send settings and metrics there too.")
    ] = None,
    set_: SetOption = None,
) -> None:
    """Train every cell of the recipes that is not done, print one table, and make their analyses.

    Several runs, also on several machines, may share an output folder: they divide the cells.

    Examples:
      mixup-multi run quickstart --jobs 2
      mixup-multi run tabular_uci --data /shared/data --out /shared/runs --ray head:6379
      mixup-multi run recipes/speech_vgg13.yaml --data ~/data --set train.epochs=3
    """
    from mixup_multi.cli.command import given_command
    from mixup_multi.cli.plan import data_root
    from mixup_multi.cli.run import RunOptions, run_recipes

    options = RunOptions(
        *(data_root(data), out, device, skip_missing, jobs, retry is not None),
        devices=devices,
        cohorts=not no_cohort,
        command=given_command(context),
        ray=ray,
        ray_gpus=ray_gpus,
        tracker=tracker,
    )
    raise typer.Exit(run_recipes(recipes, set_ or [], options))


@app.command("plan")
def plan_(
    recipes: Recipes,
    data: DataOption = None,
    out: OutOption = None,
    json_: JsonOption = False,
    set_: SetOption = None,
) -> None:
    """Print each cell and how far it is, and about how long the rest will take; train nothing.

    Examples:
      mixup-multi plan tabular_uci --data ~/data
    """
    from mixup_multi.cli.plan import data_root
    from mixup_multi.cli.states import print_states

    print_states(recipes, set_ or [], data_root(data), out, as_json=json_)


@app.command("index")
def index_(
    out: Annotated[Path, typer.Argument(help="An output folder.", metavar="OUT")],
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Write OUT/index.sqlite anew from the cell folders.")
    ] = False,
) -> None:
    """Count what an output folder's index holds, or rebuild it.

    The index is for queries only; the cell folders are the truth, and it may be deleted.
    """
    from mixup_multi.cli.states import print_index

    print_index(out, rebuild=rebuild)


@app.command()
def show(recipes: Recipes, data: DataOption = None, set_: SetOption = None) -> None:
    """Print the resolved recipes, their cells and what each costs; train nothing."""
    from mixup_multi.cli.plan import data_root
    from mixup_multi.cli.show import show_recipes

    show_recipes(recipes, set_ or [], data_root(data))


@app.command()
def report(
    out: Annotated[Path, typer.Argument(help="The output folder of a run.", metavar="OUT")],
    paper: Annotated[
        bool, typer.Option("--paper", help="Put the published values beside ours, with power.")
    ] = False,
) -> None:
    """Write tables, tests and figures of what has finished to OUT/report.

    Examples:
      mixup-multi report runs/quickstart
      mixup-multi report runs/tabular_uci --paper
    """
    from mixup_multi.cli.report import report_folder

    report_folder(out, paper=paper)


@app.command()
def evaluate(
    outs: Annotated[list[Path], typer.Argument(help="Output folders of runs.", metavar="OUT...")],
    with_: Annotated[
        str,
        typer.Option("--with", metavar="FILE", help="A file, or a shipped one, with `evaluate`."),
    ],
    data: DataOption = None,
    device: DeviceOption = "auto",
) -> None:
    """Measure trained cells in further ways, e.g. under attack; train nothing.

    What has been measured is kept with the cells, and joins their report.

    Examples:
      mixup-multi evaluate runs/methods_mnist --with robustness_images --data ~/data
      mixup-multi evaluate runs/mine runs/yours --with mine.yaml
    """
    from mixup_multi.cli.evaluate import EvaluateOptions, evaluate_folders
    from mixup_multi.cli.plan import data_root

    options = EvaluateOptions(data_root(data), device)
    raise typer.Exit(evaluate_folders(outs, with_, options))


@app.command("list")
def list_(
    what: Annotated[
        str | None,
        typer.Argument(help="adapters, datasets, models, methods, attacks, ...; all by default."),
    ] = None,
    json_: JsonOption = False,
) -> None:
    """List what recipes can name.

    Examples:
      mixup-multi list methods
      mixup-multi list datasets --json
    """
    from mixup_multi.cli.listing import print_lists

    print_lists(what, as_json=json_)


@app.command()
def doctor(data: DataOption = None, json_: JsonOption = False) -> None:
    """Print versions, devices, extras and which data is here, and what is wrong with them.

    Examples:
      mixup-multi doctor --data ~/data
    """
    from mixup_multi.cli.doctor import print_doctor
    from mixup_multi.cli.plan import data_root

    raise typer.Exit(print_doctor(data_root(data), as_json=json_))


@app.command()
def schema() -> None:
    """Print the JSON Schema of recipes, for editors."""
    from mixup_multi.cli.schema import print_schema

    print_schema()


DatasetNames = Annotated[
    list[str], typer.Argument(help="Data sets, or recipes whose data sets are meant.")
]

SettingOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A setting of the data set, e.g. id=61."),
]


@data_app.command()
def fetch(names: DatasetNames, data: DataOption = None, set_: SettingOption = None) -> None:
    """Download data sets into the data root.

    Examples:
      mixup-multi data fetch mutag speech_commands_v2 --data ~/data
      mixup-multi data fetch openml --set id=61
      mixup-multi data fetch tabular_uci
    """
    from mixup_multi.cli.data import fetch_datasets
    from mixup_multi.cli.plan import data_root

    raise typer.Exit(fetch_datasets(names, data_root(data), set_ or []))


@data_app.command()
def verify(names: DatasetNames, data: DataOption = None, set_: SettingOption = None) -> None:
    """Load data sets and print their sizes, classes and content keys."""
    from mixup_multi.cli.data import verify_datasets
    from mixup_multi.cli.plan import data_root

    raise typer.Exit(verify_datasets(names, data_root(data), set_ or []))


@data_app.command()
def where(data: DataOption = None, json_: JsonOption = False) -> None:
    """Print where each data set is looked for, whether it is there, and its download's size."""
    from mixup_multi.cli.data import print_places
    from mixup_multi.cli.plan import data_root

    print_places(data_root(data), as_json=json_)
