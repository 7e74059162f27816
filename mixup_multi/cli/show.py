"""`mixup-multi show`: what a recipe means and what it costs, without training."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixup_multi.cli.codecs import codec_lines
from mixup_multi.cli.plan import Planned, plan
from mixup_multi.cli.searches import judged, search_lines
from mixup_multi.engine.order import epoch_batches
from mixup_multi.engine.source import Data
from mixup_multi.errors import MissingDataError, MixupMultiError
from mixup_multi.grid.checks import check_validation
from mixup_multi.grid.folder.shelf import Shelf, Site, build_model
from mixup_multi.grid.protocol.selection import described
from mixup_multi.recipe.cell import Cell


def show_recipes(names: Sequence[str], assignments: Sequence[str], data: Path) -> None:
    """Print each recipe resolved, what its models cost on its data, and its cells."""
    console = Console()
    shelf = Shelf(Site(data, Path(), torch.device("cpu")))
    for item in plan(names, assignments):
        _print_settings(console, item)
        check_validation([*item.cells, *judged(item.units)], shelf)
        if item.templates:
            console.print(_costs(item.templates, shelf))
        for line in codec_lines(item.templates):
            console.print(escape(line), highlight=False, soft_wrap=True)
        for cell in item.cells:
            console.print(f"{cell.key}  {escape(cell.title)}", highlight=False, soft_wrap=True)
        analyses = f", {len(item.analyses)} analyses" if item.analyses else ""
        console.print(f"{len(item.cells)} cells{analyses}")
        for line in search_lines(item.units):
            console.print(escape(line), highlight=False, soft_wrap=True)


def _print_settings(console: Console, item: Planned) -> None:
    """Print every distinct entry with all its settings, defaults included."""
    console.print(f"[bold]{escape(item.recipe.title)}[/]  {escape(item.recipe.source)}")
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
        console.print("  " + escape(line), highlight=False, soft_wrap=True)


def _listed(settings: dict[str, Any]) -> str:
    return "".join(f" {key}={value}" for key, value in settings.items())


def _costs(cells: Iterable[Cell], shelf: Shelf) -> Table:
    """Return, for each data set and model: cells, training rows, steps of a cell, parameters."""
    table = Table("data set", "model", box=None, pad_edge=False)
    for column in ("cells", "rows", "steps", "parameters"):
        table.add_column(column, justify="right")
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(repr((cell.dataset, cell.model)), []).append(cell)
    for group in groups.values():
        first = group[0]
        labels = (escape(first.dataset.label), escape(first.model.label))
        table.add_row(*labels, str(len(group)), *_cost(first, shelf))
    return table


def _cost(cell: Cell, shelf: Shelf) -> tuple[str, str, str]:
    """Return training rows, steps in all epochs, and parameters; or that the data is missing."""
    try:
        data = shelf.get(cell)
    except MissingDataError:
        return "no data", "-", "-"
    rows = len(data.train)
    steps = len(epoch_batches(rows, cell.train, torch.Generator())) * cell.train.epochs
    return f"{rows:,}", f"{steps:,}", _parameters(cell, data)


def _parameters(cell: Cell, data: Data) -> str:
    """Return how many parameters the model has; `run` records why one cannot be built."""
    try:
        return f"{sum(p.numel() for p in build_model(cell, data).parameters()):,}"
    except MixupMultiError:
        raise
    except Exception as error:  # out of memory, or a stranger's model
        return f"none: {type(error).__name__}"
