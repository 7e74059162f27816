"""Evaluations of trained cells, kept beside them: CELL/evaluations/NAME-KEY.json.

What is there is not measured again, as long as it is of the weights that are there: the file
names them by the seal of the checkpoint. The key is of name and settings, not of the label.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from mixup_multi import door
from mixup_multi.engine.evaluate import Outputs
from mixup_multi.engine.memory import to_channels_last
from mixup_multi.engine.sealed import DamagedError, load_sealed, seal_of, set_aside
from mixup_multi.engine.source import Data, Source
from mixup_multi.errors import MixupMultiError, OutputError, WriteError
from mixup_multi.evaluations import Evaluation, Subject
from mixup_multi.evaluations.evaluation import Part
from mixup_multi.grid.folder.locks import held
from mixup_multi.grid.folder.sealed_json import read_json, write_json
from mixup_multi.grid.folder.shelf import Shelf, Site, build_model, loss_of
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.recipe.cell import Cell, Choice
from mixup_multi.streams import seed_of

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
    """Return a cell's whole records that are of its weights, in the order they were made in."""
    records = []
    for path in sorted((folder.path / FOLDER).glob("*.json")):
        try:
            record = read_json(path)
        except DamagedError:
            continue
        if record is not None and "values" in record and _is_of(record, folder):
            records.append(record)
    return sorted(records, key=lambda record: float(record["made"]))


def headline(record: Mapping[str, Any]) -> float:
    """Return the number of a record that tables show."""
    return float(next(iter(record["values"].values())))


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
            yield Asked(cell, choice, _measure(choice, subject, folder))
        except WriteError:
            raise
        except Exception as error:
            known_kind = isinstance(error, MixupMultiError)
            message = str(error) if known_kind else f"{type(error).__name__}: {error}"
            content = {"message": message, "traceback": traceback.format_exc()}
            write_json(_file(folder, choice, ".failure.json"), content)
            yield Asked(cell, choice, message=message)


def _measure(choice: Choice, subject: Subject, folder: CellFolder) -> dict[str, Any]:
    began = time.perf_counter()
    evaluation = evaluation_of(choice)
    measured = evaluation.measure(subject)
    weights, outputs = _seals(folder)
    record = {
        "name": choice.name,
        "label": choice.label,
        "settings": choice.settings,
        "canonical": choice.canonical,
        "made": time.time(),
        "unit": evaluation.unit,
        "values": dict(measured.values),
        "curves": {name: asdict(curve) for name, curve in measured.curves.items()},
        "seconds": time.perf_counter() - began,
        "data_key": subject.data.key,
        "weights": weights,
        "outputs": outputs,
    }
    write_json(_file(folder, choice, ".json"), record)
    _file(folder, choice, ".failure.json").unlink(missing_ok=True)
    return record


def _subject(cell: Cell, folder: CellFolder, shelf: Shelf) -> Subject:
    """Return a trained cell's model and data.

    Raises:
        OutputError: the cell is not done, or its data has changed.
    """
    result = folder.read_whole("result")
    if result is None:
        raise OutputError(f"{folder.path} has no result: expected a cell that is done")
    data = shelf.get(cell)
    if data.key != result["data_key"]:
        raise OutputError(
            f"the data of {folder.path} has changed since it was trained (its key was"
            f" {result['data_key']}, is {data.key}); run its recipe again, or give the old data"
        )
    return subject_of(cell, data, shelf.site, folder)


def subject_of(cell: Cell, data: Data, site: Site, folder: CellFolder | None = None) -> Subject:
    """Return what evaluations need of a cell.

    Args:
        cell: the cell.
        data: its data.
        site: where to compute.
        folder: its folder, for its weights and stored logits; None for a model as it is built.
    """
    load = partial(_model, cell, data, site, folder)
    stored = {} if folder is None else _stored_outputs(folder, data)
    return Subject(load, data, loss_of(cell, data), site.device, cell.train.channels_last, stored)


def _model(cell: Cell, data: Data, site: Site, folder: CellFolder | None) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed_of(cell.seed, "init"))  # as it was built to be trained
        model = build_model(cell, data).to(site.device)
    if folder is not None:
        _load_weights(model, folder)
    return (to_channels_last(model) if cell.train.channels_last else model).eval()


def _load_weights(model: nn.Module, folder: CellFolder) -> None:
    """Give a model the weights of a cell's checkpoint.

    Raises:
        OutputError: they are gone, damaged, or of a model whose code was another.
    """
    path = folder.checkpoint
    if not path.exists():
        raise OutputError(
            f"{folder.path} has no checkpoint, only what the model said of its test part: expected"
            " a cell with its weights. To train it anew, move that folder away and run its recipe"
        )
    try:
        model.load_state_dict(load_sealed(path)["model"])
    except DamagedError:
        set_aside(path)
        raise
    except RuntimeError as error:
        raise OutputError(
            f"{path} does not fit the model that its recipe names, whose code has changed since"
            f" ({' '.join(str(error).split())}). To train it anew, move {folder.path} away and run"
            " its recipe"
        ) from error


def _stored_outputs(folder: CellFolder, data: Data) -> dict[Part, Outputs]:
    """Return the logits that are kept of parts whose examples are still the same."""
    try:
        content = folder.read_outputs()
    except (OSError, DamagedError):
        return {}
    sources: dict[Part, Source | None] = {"test": data.test, "validation": data.validation}
    return {
        part: Outputs(content[part]["logits"], content[part]["targets"])
        for part, source in sources.items()
        if source is not None and part in content and list(source.ids) == content[part]["ids"]
    }


def _is_of(record: dict[str, Any], folder: CellFolder) -> bool:
    """Whether a record is of the weights that are there; of the outputs where they are gone."""
    weights, outputs = _seals(folder)
    return bool(record["weights"] == weights if weights else record["outputs"] == outputs)


def _seals(folder: CellFolder) -> tuple[str, str]:
    """Return the seals of a cell's weights and of what it said, empty where they are gone."""
    return seal_of(folder.checkpoint), seal_of(folder.path / "outputs.pt")


def _file(folder: CellFolder, choice: Choice, ending: str) -> Path:
    place = folder.path / FOLDER
    try:
        place.mkdir(exist_ok=True)
    except OSError as error:
        raise WriteError(f"{place} cannot be made ({error.strerror})") from error
    key = hashlib.sha256(choice.canonical.encode()).hexdigest()[:12]
    return place / f"{choice.name.replace(':', '.')}-{key}{ending}"
