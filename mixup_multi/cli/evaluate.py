"""`mixup-multi evaluate`, and the same at the end of `run`: measuring trained cells."""

from __future__ import annotations

import json
import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from mixup_multi.cli.causes import Causes
from mixup_multi.cli.exits import DONE, MISTAKE
from mixup_multi.cli.summary import Measurements, measured, measurements
from mixup_multi.cli.terminal import Terminal
from mixup_multi.engine.memory import pick_device
from mixup_multi.errors import OutputError, SettingError
from mixup_multi.grid.evaluate import (
    Asked,
    evaluate,
    evaluation_of,
    headline,
    missing,
)
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.protocol.record import read_protocol
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.recipe.expand import evaluations_of
from mixup_multi.recipe.explain import explained
from mixup_multi.recipe.load import Document, find_evaluations
from mixup_multi.recipe.only import parts_of
from mixup_multi.recipe.schema import EvaluationList
from mixup_multi.report.layout import LAYOUTS, METHODS, Layout
from mixup_multi.report.sheet import spread
from mixup_multi.report.statistics import deviation


@dataclass(frozen=True)
class EvaluateOptions:
    """The options of the command: the data root, the device as given, and the words of `--only`."""

    data: Path
    device: str
    only: Sequence[str] = ()


def evaluate_folders(
    outs: Sequence[Path], asked: str, options: EvaluateOptions, terminal: Terminal
) -> int:
    """Measure all finished cells of output folders, and return the exit code."""
    choices = _choices_of(asked)
    device = pick_device(options.device)
    failed, folders = 0, []
    for out, finished in _finished_in(outs, options.only):
        cells = [replace(cell, evaluations=choices) for cell in finished]
        failed += evaluate_cells(terminal, cells, Site(options.data, out, device))
        print_evaluations(terminal, cells, out)
        folders.append({"out": str(out), "cells": len(cells), "evaluations": measured(cells, out)})
    code = MISTAKE if failed else DONE
    terminal.answer(
        {
            "exit_code": code,
            "only": list(options.only),
            "evaluations_failed": failed,
            "folders": folders,
        }
    )
    return code


def _finished_in(outs: Sequence[Path], only: Sequence[str]) -> list[tuple[Path, list[Cell]]]:
    """Return output folders with their finished cells, of these those that `only` asks for.

    Raises:
        SettingError: no finished cell is called so.
    """
    finished = {out: finished_cells_in(out) for out in outs}
    if not only:
        return list(finished.items())
    made = [[cell.choices() for cell in cells] for cells in finished.values()]
    takers = parts_of(only, made, [str(out) for out in finished])
    return [
        (out, [cell for cell in cells if takes(cell.choices())])
        for (out, cells), takes in zip(finished.items(), takers, strict=True)
    ]


def finished_cells_in(out: Path) -> list[Cell]:
    """Return the cells of an output folder that are done, but for those that a search tried.

    Raises:
        OutputError: there is none.
    """
    protocol = read_protocol(out)
    cells = []
    for path in sorted((out / "cells").glob("*")):
        folder = CellFolder(path)
        record = folder.read_whole("cell")
        entry = protocol.get(path.name, {})
        if record is not None and "tried" not in entry and folder.read_whole("result"):
            columns = entry.get("columns", METHODS.one)
            cells.append(replace(Cell.of_record(record), columns=columns))
    if not cells:
        raise OutputError(
            f"{out} holds no cell that is done; expected the output folder of `mixup-multi run`"
        )
    return cells


def evaluate_cells(terminal: Terminal, cells: Sequence[Cell], site: Site) -> int:
    """Make what evaluations are missing, showing how far it is; return how many failed.

    What fails for one reason is told when it first does, and at the end how often. Cells that are
    not done are left out.
    """
    due = [cell for cell in cells if cell.evaluations and _is_done(cell, site.out)]
    number = sum(len(missing(cell, site.out)) for cell in due)
    if not number:
        return 0
    causes = Causes(site.out)
    columns = (TextColumn("{task.description}"), BarColumn(bar_width=20), MofNCompleteColumn())
    with terminal.bars(*columns, TimeRemainingColumn()) as progress:
        bar = progress.add_task("evaluating", total=number)
        for done, asked in enumerate(evaluate(due, site), start=1):
            if asked.record is not None:
                terminal.say(_line(asked, done, number))
            elif causes.is_new(asked, done):
                terminal.fail(_line(asked, done, number))
            progress.update(bar, completed=done)
    for line in causes.repeated():
        terminal.fail(f"[red]failed[/] {escape(line)}")
    return causes.number


def print_evaluations(terminal: Terminal, cells: Iterable[Cell], out: Path) -> None:
    """Print what was measured: the mean over trials and folds, and its spread; a table a layout."""
    asked = list(cells)
    for columns in dict.fromkeys(cell.columns for cell in asked):
        found = measurements((cell for cell in asked if cell.columns == columns), out)
        if found:
            terminal.show(_evaluations(found, LAYOUTS[columns]))


def _evaluations(found: Measurements, layout: Layout) -> Table:
    units = {label: unit for row in found.values() for label, (unit, _) in row.items()}
    grid = Table(title="Evaluations of the last epoch's weights", title_style="bold")
    for name in layout.place_headings:
        grid.add_column(name.lower(), overflow="fold")
    for label, unit in units.items():
        grid.add_column(escape(f"{label} {unit}"), justify="right", overflow="fold")
    places = layout.places(found)
    for row, labels in found.items():
        values = [labels[label][1] if label in labels else [] for label in units]
        grid.add_row(*map(escape, places[row]), *map(_spread, values))
    return grid


def _spread(values: Sequence[float]) -> str:
    if not values:
        return "-"
    if not all(map(math.isfinite, values)):
        return "undefined"
    return spread(statistics.fmean(values), deviation(values))


def _line(asked: Asked, done: int, number: int) -> str:
    heading = escape(f"[{done}/{number}] {asked.cell.title}: {asked.choice.label}")
    if asked.record is None:
        return f"[red]failed[/] {heading}: {escape(asked.message)}"
    unit, seconds = escape(asked.record["unit"]), asked.record["seconds"]
    return f"{heading} [bold]{headline(asked.record):.2f} {unit}[/], {seconds:.1f} s"


def _is_done(cell: Cell, out: Path) -> bool:
    return CellFolder.of(out, cell).read_whole("result") is not None


def _choices_of(name: str) -> Any:
    """Return the evaluations of a file with a list `evaluate`, or of a recipe that has one."""
    document = Document(find_evaluations(name))
    try:
        content = json.loads(json.dumps(document.content, default=str))
        found = EvaluationList.model_validate_json(json.dumps(content))
        choices = evaluations_of(found.evaluate, document.where)
        for number, choice in enumerate(choices):
            _check_by_itself(choice, number)
        return choices
    except ValidationError as error:
        raise document.error(explained(error)) from error
    except SettingError as error:
        raise document.error(error) from error


def _check_by_itself(choice: Choice, number: int) -> None:
    """Raise `SettingError`, with its place, where settings are wrong whatever is measured."""
    try:
        evaluation_of(choice)
    except SettingError as error:
        message = f"evaluation {choice.label!r}: {error}"
        raise SettingError(message, ("evaluate", number)) from error
