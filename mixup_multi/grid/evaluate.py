"""Evaluations of trained cells, kept beside them: CELL/evaluations/NAME-KEY.json.

What is there is not measured again, as long as it is of the weights that are there: the file
names them by the seal of the checkpoint. The key is of name and settings, not of the label.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mixup_multi import door
from mixup_multi.engine.memory import to_channels_last
from mixup_multi.engine.sealed import DamagedError, load_sealed, seal_of, set_aside
from mixup_multi.engine.source import Data
from mixup_multi.errors import MixupMultiError, OutputError, WriteError
from mixup_multi.evaluations import Evaluation, Subject
from mixup_multi.grid.locks import held
from mixup_multi.grid.sealed_json import read_json, write_json
from mixup_multi.grid.shelf import Shelf, Site, build_model
from mixup_multi.grid.store import CellFolder
from mixup_multi.objectives.losses import loss_named
from mixup_multi.recipe.cell import Cell, Choice

FOLDER = "evaluations"


@dataclass(frozen=True)
class Asked:
    """An evaluation of a cell, and what came of it.

    Attributes:
        cell: the cell.
        choice: what is asked.
        record: what its file holds; None where it failed.
        message: why it failed.
    """

    cell: Cell
    choice: Choice
    record: dict[str, Any] | None = None
    message: str = ""


def evaluation_of(choice: Choice) -> Evaluation:
    """Return the evaluation that a resolved entry names."""
    made: Evaluation = door.make(door.EVALUATIONS, {"name": choice.name, **choice.settings})
    return made


def stored(folder: CellFolder) -> list[dict[str, Any]]:
    """Return all whole records of a cell's evaluations that are of its weights, in their order."""
    records = []
    for path in sorted((folder.path / FOLDER).glob("*.json")):
        try:
            record = read_json(path)
        except DamagedError:
            continue
        if record is not None and "values" in record and _is_of(record, folder):
            records.append(record)
    return sorted(records, key=lambda record: int(record["place"]))


def known(cell: Cell, out: Path) -> list[Asked]:
    """Return those of a cell's evaluations that have been made."""
    folder = CellFolder.of(out, cell)
    if not cell.evaluations or not (folder.path / FOLDER).is_dir():
        return []
    made = {record["canonical"]: record for record in stored(folder)}
    canonical = [(choice, choice.canonical) for choice in cell.evaluations]
    return [Asked(cell, choice, made[name]) for choice, name in canonical if name in made]


def missing(cell: Cell, out: Path) -> list[Choice]:
    """Return those of a cell's evaluations that have not been made."""
    made = {asked.choice.canonical for asked in known(cell, out)}
    return [choice for choice in cell.evaluations if choice.canonical not in made]


def evaluate(cells: Sequence[Cell], site: Site) -> Iterator[Asked]:
    """Make the evaluations of trained cells that are missing, and yield each as it ends.

    One that fails leaves its traceback in a file, and the others go on. Another process that
    evaluates or trains a cell is waited for.

    Raises:
        WriteError: nothing can be written.
    """
    shelf = Shelf(site)
    for cell in cells:
        with held(site.out, cell.folder):
            yield from _evaluate_cell(cell, missing(cell, site.out), shelf)


def _evaluate_cell(cell: Cell, choices: Sequence[Choice], shelf: Shelf) -> Iterator[Asked]:
    if not choices:
        return
    folder = CellFolder.of(shelf.site.out, cell)
    subject: Subject | None = None
    for choice in choices:
        try:
            subject = subject or _subject(cell, folder, shelf)
            yield Asked(cell, choice, _measure(cell, choice, subject, folder))
        except WriteError:
            raise
        except Exception as error:
            known_kind = isinstance(error, MixupMultiError)
            message = str(error) if known_kind else f"{type(error).__name__}: {error}"
            content = {"message": message, "traceback": traceback.format_exc()}
            write_json(_file(folder, choice, ".failure.json"), content)
            yield Asked(cell, choice, message=message)


def _measure(cell: Cell, choice: Choice, subject: Subject, folder: CellFolder) -> dict[str, Any]:
    began = time.perf_counter()
    evaluation = evaluation_of(choice)
    values = evaluation.measure(subject)
    record = {
        "name": choice.name,
        "label": choice.label,
        "settings": choice.settings,
        "canonical": choice.canonical,
        "place": cell.evaluations.index(choice),
        "unit": evaluation.unit,
        "values": values,
        "seconds": time.perf_counter() - began,
        "data_key": subject.data.key,
        "weights": seal_of(folder.checkpoint),
    }
    write_json(_file(folder, choice, ".json"), record)
    _file(folder, choice, ".failure.json").unlink(missing_ok=True)
    return record


def _subject(cell: Cell, folder: CellFolder, shelf: Shelf) -> Subject:
    """Return a trained cell's model and data.

    Raises:
        OutputError: the cell is not done, its weights are gone or its data has changed.
    """
    result = folder.read_whole("result")
    if result is None or not folder.checkpoint.exists():
        raise OutputError(
            f"{folder.path} has no {'result' if result is None else 'checkpoint'}: expected a cell"
            " that is done, with its weights; run its recipe again"
        )
    data = shelf.get(cell)
    if data.key != result["data_key"]:
        raise OutputError(
            f"the data of {folder.path} has changed since it was trained (its key was"
            f" {result['data_key']}, is {data.key}); run its recipe again, or give the old data"
        )
    return subject_of(cell, data, shelf.site, _weights(folder))


def subject_of(
    cell: Cell, data: Data, site: Site, weights: dict[str, Any] | None = None
) -> Subject:
    """Return a cell's model, with its weights or as it is built, and what evaluations need."""
    model = build_model(cell, data).to(site.device)
    if weights is not None:
        model.load_state_dict(weights)
    if cell.train.channels_last:
        model = to_channels_last(model)
    loss = loss_named(cell.method.settings.get("loss") or data.loss)
    return Subject(model.eval(), data, loss, site.device, cell.train.channels_last)


def _weights(folder: CellFolder) -> dict[str, Any]:
    try:
        weights: dict[str, Any] = load_sealed(folder.checkpoint)["model"]
    except DamagedError:
        set_aside(folder.checkpoint)
        raise
    return weights


def _is_of(record: dict[str, Any], folder: CellFolder) -> bool:
    try:
        return bool(record["weights"] == seal_of(folder.checkpoint))
    except OSError:
        return False


def _file(folder: CellFolder, choice: Choice, ending: str) -> Path:
    place = folder.path / FOLDER
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise WriteError(f"{place} cannot be made ({error.strerror})") from error
    key = hashlib.sha256(choice.canonical.encode()).hexdigest()[:12]
    return place / f"{choice.name.replace(':', '.')}-{key}{ending}"
