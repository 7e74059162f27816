"""`mixup-multi show`: what a recipe means and what it costs, without training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from rich.markup import escape
from rich.table import Table

from mixup_multi.cli.codecs import codec_lines
from mixup_multi.cli.plan import Planned, part_lines, plan
from mixup_multi.cli.searches import judged, search_lines
from mixup_multi.cli.terminal import Terminal, plain_table
from mixup_multi.engine.order import epoch_batches
from mixup_multi.engine.source import Data
from mixup_multi.errors import MissingDataError, MixupMultiError
from mixup_multi.grid.checks import check_validation
from mixup_multi.grid.folder.shelf import Shelf, Site, build_model
from mixup_multi.grid.protocol.selection import described
from mixup_multi.recipe.cell import Cell


def show_recipes(
    names: Sequence[str],
    assignments: Sequence[str],
    data: Path,
    terminal: Terminal,
    only: Sequence[str] = (),
) -> None:
    """Print each recipe resolved, what its models cost on its data, and its cells."""
    shelf = Shelf(Site(data, Path(), torch.device("cpu")))
    planned = plan(names, assignments, only)
    for item in planned:
        check_validation([*item.cells, *judged(item.units)], shelf)
        if not terminal.as_json:
            _print(terminal, item, shelf)
    terminal.answer({"recipes": [_entry(item, shelf) for item in planned]})


def _print(terminal: Terminal, item: Planned, shelf: Shelf) -> None:
    _print_settings(terminal, item)
    if item.templates:
        terminal.show(_costs_table(_costs(item.templates, shelf)))
    for line in codec_lines(item.templates):
        terminal.say(escape(line))
    for cell in item.cells:
        terminal.say(f"{cell.key}  {escape(cell.title)}")
    analyses = f", {len(item.analyses)} analyses" if item.analyses else ""
    terminal.say(f"{len(item.cells)} cells{analyses}")
    for line in (*search_lines(item.units), *part_lines([item])):
        terminal.say(escape(line))


def _entry(item: Planned, shelf: Shelf) -> dict[str, Any]:
    """Return a recipe as plain values: every cell with all its settings, and what cells cost."""
    return {
        "name": item.name,
        "title": item.recipe.title,
        "source": item.recipe.source,
        "part": None if item.part is None else asdict(item.part),
        "costs": _costs(item.templates, shelf),
        "codecs": codec_lines(item.templates),
        "cells": [{"key": cell.key, "title": cell.title, **cell.record()} for cell in item.cells],
        "analyses": [
            {"label": one.label, "name": one.name, "settings": one.settings}
            for one in item.analyses
        ],
        "searches": list(search_lines(item.units)),
    }


def _print_settings(terminal: Terminal, item: Planned) -> None:
    """Print every distinct entry with all its settings, defaults included."""
    terminal.say(f"[bold]{escape(item.recipe.title)}[/]  {escape(item.recipe.source)}")
    seen: dict[str, None] = {}
    if item.templates and item.recipe.columns != "method":
        seen[f"columns: {item.recipe.columns}"] = None
    for cell in item.templates:
        seen[f"selection: {described(cell.selection)}"] = None
        for kind, choice in cell.choices().items():
            seen[f"{kind} {choice.label}: {choice.name}{_listed(choice.settings)}"] = None
        seen[f"train:{_listed(cell.train.model_dump(mode='json'))}"] = None
    for choice in item.analyses:
        seen[f"analysis {choice.label}: {choice.name}{_listed(choice.settings)}"] = None
    for line in sorted(seen):
        terminal.say("  " + escape(line))


def _listed(settings: dict[str, Any]) -> str:
    return "".join(f" {key}={value}" for key, value in settings.items())


def _costs(cells: Iterable[Cell], shelf: Shelf) -> list[dict[str, Any]]:
    """Return, for each data set and model: cells, training rows, steps of a cell, parameters.

    Rows are None where the data is missing; parameters are words where no model can be built.
    """
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(repr((cell.dataset, cell.model)), []).append(cell)
    return [
        {
            "dataset": group[0].dataset.label,
            "model": group[0].model.label,
            "cells": len(group),
            **_cost(group[0], shelf),
        }
        for group in groups.values()
    ]


def _costs_table(costs: Iterable[dict[str, Any]]) -> Table:
    table = plain_table("data set", "model")
    for column in ("cells", "rows", "steps", "parameters"):
        table.add_column(column, justify="right", overflow="fold")
    for cost in costs:
        rows, steps, parameters = (cost[key] for key in ("rows", "steps", "parameters"))
        table.add_row(
            *(escape(cost["dataset"]), escape(cost["model"]), str(cost["cells"])),
            "no data" if rows is None else f"{rows:,}",
            "-" if steps is None else f"{steps:,}",
            "-" if parameters is None else _counted(parameters),
        )
    return table


def _counted(parameters: int | str) -> str:
    return parameters if isinstance(parameters, str) else f"{parameters:,}"


def _cost(cell: Cell, shelf: Shelf) -> dict[str, Any]:
    """Return training rows, steps in all epochs, and parameters; Nones where data is missing."""
    try:
        data = shelf.get(cell)
    except MissingDataError:
        return {"rows": None, "steps": None, "parameters": None}
    rows = len(data.train)
    steps = len(epoch_batches(rows, cell.train, torch.Generator())) * cell.train.epochs
    return {"rows": rows, "steps": steps, "parameters": _parameters(cell, data)}


def _parameters(cell: Cell, data: Data) -> int | str:
    """Return how many parameters the model has; `run` records why one cannot be built."""
    try:
        return sum(p.numel() for p in build_model(cell, data).parameters())
    except MixupMultiError:
        raise
    except Exception as error:  # out of memory, or a stranger's model
        return f"none: {type(error).__name__}"
