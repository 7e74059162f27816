"""The commands that train or measure: run, evaluate, report."""

from __future__ import annotations

from typing import Annotated

import typer

from mixup_multi.cli import options as o
from mixup_multi.cli.optional import OptionalRayAddress
from mixup_multi.cli.program import Commands

PANEL = "Train and measure"


def register(app: Commands) -> None:
    """Add the commands to an application."""
    app.command(cls=OptionalRayAddress, rich_help_panel=PANEL)(run)
    app.command(rich_help_panel=PANEL)(evaluate)
    app.command(rich_help_panel=PANEL)(report)


def run(
    context: typer.Context,
    recipes: o.Recipes,
    data: o.DataOption = None,
    out: o.OutOption = None,
    set_: o.SetOption = None,
    only: o.OnlyOption = None,
    skip_missing: Annotated[
        bool,
        typer.Option(
            "--skip-missing",
            help="Leave out cells whose data is not there.",
            rich_help_panel=o.AGAIN,
        ),
    ] = False,
    retry: Annotated[
        o.Retry | None,
        typer.Option(
            "--retry",
            metavar="failed",
            help="Run again the cells that failed earlier.",
            rich_help_panel=o.AGAIN,
        ),
    ] = None,
    no_cohort: Annotated[
        bool,
        typer.Option(
            "--no-cohort",
            help="Train every cell by itself, not stacked with others.",
            rich_help_panel=o.AGAIN,
        ),
    ] = False,
    device: o.DeviceOption = "auto",
    jobs: Annotated[
        int,
        typer.Option(
            "--jobs",
            metavar="N",
            min=1,
            help="How many processes train. Default: 1.",
            show_default=False,
            rich_help_panel=o.WHERE,
        ),
    ] = 1,
    devices: Annotated[
        int,
        typer.Option(
            "--devices",
            metavar="N",
            min=1,
            help="On how many devices each cell trains (extra: fabric). Default: 1.",
            show_default=False,
            rich_help_panel=o.WHERE,
        ),
    ] = 1,
    ray: Annotated[
        str | None,
        typer.Option(
            "--ray",
            metavar="[HOST:PORT]",
            help="Train on a Ray cluster; by default this machine's.",
            rich_help_panel=o.WHERE,
        ),
    ] = None,
    ray_gpus: Annotated[
        float | None,
        typer.Option(
            "--ray-gpus",
            metavar="SHARE",
            min=0.0,
            max=1.0,
            help="With --ray: of a GPU for a cell, 0 to 1. Default: 1 where there are GPUs.",
            rich_help_panel=o.WHERE,
        ),
    ] = None,
    tracker: Annotated[
        o.TrackerName | None,
        typer.Option(
            "--tracker",
            metavar="NAME",
            help="Send settings and metrics to mlflow or tensorboard too.",
            rich_help_panel=o.SAID,
        ),
    ] = None,
    quiet: o.QuietOption = False,
    json_: o.JsonOption = False,
) -> None:
    """Train every cell of the recipes that is not done, print one table, and make their analyses.

    Several runs, also on several machines, may share an output folder: they divide the cells.

    Examples:
      mixup-multi run quickstart --jobs 2
      mixup-multi run recipes/speech_vgg13.yaml --data ~/data --set train.epochs=3
      mixup-multi run tabular_uci --only Iris --only ERM --only MixupE
      mixup-multi run tabular_uci --out /shared/runs --ray head:6379
      mixup-multi run quickstart --json > summary.json
    """
    from mixup_multi.cli.command import given_command
    from mixup_multi.cli.plan import data_root
    from mixup_multi.cli.run import run_recipes
    from mixup_multi.cli.run_options import RunOptions

    terminal = o.manners(context, quiet=quiet, as_json=json_)
    options = RunOptions(
        *(data_root(data), out, device, skip_missing, jobs, retry is not None),
        devices=devices,
        cohorts=not no_cohort,
        command=given_command(context),
        ray=ray,
        ray_gpus=ray_gpus,
        tracker=tracker,
    )
    with terminal.alone():
        code = run_recipes(recipes, set_ or [], options, terminal, only or [])
    raise typer.Exit(code)


def evaluate(
    context: typer.Context,
    outs: o.Outs,
    with_: o.EvaluationsOption,
    data: o.DataOption = None,
    only: o.OnlyOption = None,
    device: o.DeviceOption = "auto",
    quiet: o.QuietOption = False,
    json_: o.JsonOption = False,
) -> None:
    """Measure trained cells in further ways, e.g. under attack; train nothing.

    What has been measured is kept with the cells, and joins their report.

    Examples:
      mixup-multi evaluate runs/mnist --with robustness_images --data ~/data
      mixup-multi evaluate runs/mine runs/yours --with mine.yaml --only MixupE
    """
    from mixup_multi.cli.evaluate import EvaluateOptions, evaluate_folders
    from mixup_multi.cli.plan import data_root

    terminal = o.manners(context, quiet=quiet, as_json=json_)
    with terminal.alone():
        options = EvaluateOptions(data_root(data), device, only or [])
        code = evaluate_folders(outs, with_, options, terminal)
    raise typer.Exit(code)


def report(
    context: typer.Context,
    out: o.Out,
    paper: Annotated[
        bool, typer.Option("--paper", help="Put the published values beside ours, with power.")
    ] = False,
    quiet: o.QuietOption = False,
    json_: o.JsonOption = False,
) -> None:
    """Write tables, tests and figures of what has finished to OUT/report.

    Examples:
      mixup-multi report runs/quickstart
      mixup-multi report runs/tabular_uci --paper
    """
    from mixup_multi.cli.report import report_folder

    terminal = o.manners(context, quiet=quiet, as_json=json_)
    with terminal.alone():
        report_folder(out, paper=paper, terminal=terminal)
