"""A cell as its folder tells it: finished, failed, unfinished or damaged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mixup_multi.errors import OutputError
from mixup_multi.grid.evaluate import stored
from mixup_multi.grid.folder.locks import Owner
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.report.layout import METHODS, Layout, Row

Record = Mapping[str, Any]


@dataclass(frozen=True)
class FinishedCell:
    """A finished cell as its folder tells it.

    Attributes:
        folder: its folder.
        record: cell.json, all its settings.
        result: result.json.
        environment: environment.json; empty where it is lost.
        history: a record an epoch.
        dataset, model, method: labels; told apart by settings where equal labels differ in them.
        search: of a cell that a search has chosen: what was `chosen`, and `over` what.
        layout: of the tables that it stands in.
        evaluations: what it was asked besides, in the recipe's order; see `grid.evaluate`.
    """

    folder: CellFolder
    record: Record
    result: Record
    environment: Record
    history: tuple[Record, ...]
    dataset: str
    model: str
    method: str
    search: Record = field(default_factory=dict)
    layout: Layout = METHODS
    evaluations: tuple[Record, ...] = ()

    @property
    def row(self) -> Row:
        """Return the row of the table that the cell belongs to."""
        return tuple(getattr(self, kind) for kind in self.layout.rows)

    @property
    def pair_key(self) -> tuple[Any, ...]:
        """Return what cells of two columns share that ran on the same trial: seed and fold."""
        return self.record["seed"], self.record["fold"], self.result["data_key"]

    @property
    def error(self) -> float:
        """Return the test error in percent."""
        return float(self.result["test_error"])

    @property
    def paper(self) -> str | None:
        """Return the published table that the recipe names."""
        name: str | None = self.record.get("paper")
        return name

    def label(self, kind: str) -> str:
        """Return the recipe's own label of `dataset`, `model` or `method`."""
        return str(self.record[kind]["label"])


@dataclass(frozen=True)
class Unfinished:
    """A cell that is in no table: `kind` is failed, running, unfinished, damaged or unselected."""

    key: str
    kind: str
    title: str
    why: str


def read_cell(folder: CellFolder, holder: Owner | None) -> FinishedCell | Unfinished:
    """Read a cell's folder; `holder` is who runs it, if anybody does."""
    name = folder.path.name
    try:
        record, result = folder.read_json("cell"), folder.read_json("result")
        failure = folder.read_json("failure")
        if record is None:
            return _without_record(name, failure)
        title = title_of(record)
        if result is not None:
            return _finished(folder, record, result)
    except OutputError as error:
        return Unfinished(_key_in(name), "damaged", name, str(error))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Unfinished(
            _key_in(name), "damaged", name, f"cell.json or result.json lacks or garbles {error}"
        )
    done = f"{folder.epochs()} of {record['train']['epochs']} epochs done"
    if holder is not None:
        return Unfinished(record["key"], "running", title, f"{done}, by {holder}")
    if failure is not None:
        return Unfinished(record["key"], "failed", title, _reason(failure))
    return Unfinished(record["key"], "unfinished", title, f"{done} when it was stopped")


def _key_in(name: str) -> str:
    """Return the key that a folder's name ends with."""
    return name.rpartition("-")[2]


def _without_record(name: str, failure: Record | None) -> Unfinished:
    if failure is not None:
        return Unfinished(_key_in(name), "failed", name, _reason(failure))
    return Unfinished(_key_in(name), "unfinished", name, "it has no cell.json: stopped as it began")


def _finished(folder: CellFolder, record: Record, result: Record) -> FinishedCell:
    needed = ("test_error", "test_rows", "train_rows", "data_key", "epochs", "seconds", "notes")
    for key in needed:
        result[key]
    history, whole = folder.history()
    if not whole:
        result = {**result, "notes": [*result["notes"], "a line of metrics.jsonl is damaged"]}
    try:
        environment = folder.read_json("environment") or {}
    except OutputError:
        environment = {}
    labels: dict[str, Any] = {
        kind: str(record[kind]["label"]) for kind in ("dataset", "model", "method")
    }
    float(result["test_error"]), record["seed"], record["fold"], record["train"]["epochs"]
    asked = tuple(stored(folder))
    return FinishedCell(folder, record, result, environment, history, **labels, evaluations=asked)


def title_of(record: Record) -> str:
    """Return a cell's line for people."""
    fold = "" if record["fold"] is None else f", fold {record['fold'] + 1} of {record['folds']}"
    labels = " / ".join(str(record[kind]["label"]) for kind in ("dataset", "model", "method"))
    return f"{labels}, seed {record['seed']}{fold}"


def _reason(failure: Record) -> str:
    return str(failure.get("message", "no message was kept"))
