"""Reading an output folder: what is finished, and what is failed, unfinished or damaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from mixup_multi.errors import OutputError
from mixup_multi.grid.locks import Owner, running
from mixup_multi.grid.protocol import read_protocol
from mixup_multi.grid.recipes import KeptRecipe, kept_recipes
from mixup_multi.grid.selection import Done, Selected, select
from mixup_multi.grid.store import CellFolder

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

    @property
    def row(self) -> tuple[str, str]:
        """Return the row of the table that the cell belongs to."""
        return self.dataset, self.model

    @property
    def pair_key(self) -> tuple[Any, ...]:
        """Return what cells of two methods share that ran on the same trial: seed and fold."""
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


@dataclass(frozen=True)
class Collected:
    """Everything that an output folder holds.

    Attributes:
        told_apart: places whose equal labels had to be told apart.
        stale: cells retired for older data.
        recipes: that were run there.
        damaged_recipes: their files that cannot be read.
        tried: how many cells a search only tried.
    """

    out: Path
    finished: tuple[FinishedCell, ...]
    unfinished: tuple[Unfinished, ...]
    told_apart: tuple[str, ...]
    stale: tuple[str, ...]
    recipes: tuple[KeptRecipe, ...]
    damaged_recipes: tuple[str, ...]
    tried: int = 0


def collect(out: Path) -> Collected:
    """Read all cells below `out`.

    Raises:
        OutputError: it is not an output folder, or no cell has even begun.
    """
    home = out / "cells"
    folders = sorted(p for p in home.iterdir() if _is_cell(p)) if home.is_dir() else []
    if not folders:
        raise OutputError(
            f"{out} holds no cells; expected the output folder of `mixup-multi run`,"
            " which has a folder `cells`"
        )
    holders = running(out)
    read = [_read(CellFolder(path), holders.get(path.name)) for path in folders]
    finished = [cell for cell in read if isinstance(cell, FinishedCell)]
    selected, unselected = reported(finished, read_protocol(out))
    shown, told_apart = _tell_apart(selected)
    recipes, damaged = kept_recipes(out)
    return Collected(
        out=out,
        finished=tuple(shown),
        unfinished=(*(cell for cell in read if isinstance(cell, Unfinished)), *unselected),
        told_apart=told_apart,
        stale=tuple(sorted(p.name for p in (out / "stale").glob("*") if _is_cell(p))),
        recipes=tuple(recipes),
        damaged_recipes=tuple(damaged),
        tried=len(finished) - len(selected) - len(unselected),
    )


def reported(
    finished: Sequence[FinishedCell], entries: Mapping[str, Mapping[str, Any]]
) -> tuple[list[FinishedCell], list[Unfinished]]:
    """Return finished cells with the numbers of the epoch that their protocol selects.

    Args:
        finished: as their folders tell them, with the last epoch's numbers.
        entries: of protocol.json, by folder.

    Returns:
        The cells but those that a search only tried; and those of which nothing can be selected.
    """
    rules: dict[Any, list[FinishedCell]] = {}
    for cell in finished:
        entry = entries.get(cell.folder.path.name, {})
        if "tried" not in entry:
            cell = replace(cell, search=entry.get("search", {}))
            rules.setdefault(entry.get("selection", "last"), []).append(cell)
    taken: dict[Path, FinishedCell] = {}
    without = []
    for rule, cells in rules.items():
        done = [Done(cell.record, cell.result, cell.history) for cell in cells]
        for cell, selection in zip(cells, select(rule, done), strict=True):
            if isinstance(selection, Selected):
                taken[cell.folder.path] = replace(cell, result=selection.over(cell.result))
            else:
                key, title = str(cell.record["key"]), title_of(cell.record)
                without.append(Unfinished(key, "unselected", title, selection.why))
    return [taken[c.folder.path] for c in finished if c.folder.path in taken], without


def _is_cell(path: Path) -> bool:
    return path.is_dir() and not path.name.startswith(".")


def _read(folder: CellFolder, holder: Owner | None) -> FinishedCell | Unfinished:
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
        return Unfinished(
            record["key"], "failed", title, str(failure.get("message", "no message was kept"))
        )
    return Unfinished(record["key"], "unfinished", title, f"{done} when it was stopped")


def _key_in(name: str) -> str:
    """Return the key that a folder's name ends with."""
    return name.rpartition("-")[2]


def _without_record(name: str, failure: Record | None) -> Unfinished:
    if failure is not None:
        return Unfinished(
            _key_in(name), "failed", name, str(failure.get("message", "no message was kept"))
        )
    return Unfinished(_key_in(name), "unfinished", name, "it has no cell.json: stopped as it began")


def _reason(failure: Record) -> str:
    return str(failure.get("message", "no message was kept"))


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
    return FinishedCell(folder, record, result, environment, history, **labels)


def title_of(record: Record) -> str:
    """Return a cell's line for people."""
    fold = "" if record["fold"] is None else f", fold {record['fold'] + 1} of {record['folds']}"
    labels = " / ".join(str(record[kind]["label"]) for kind in ("dataset", "model", "method"))
    return f"{labels}, seed {record['seed']}{fold}"


def flat(settings: Record, prefix: str = "") -> dict[str, Any]:
    """Return nested settings as one level of dotted keys."""
    found: dict[str, Any] = {}
    for key, value in settings.items():
        if isinstance(value, Mapping):
            found |= flat(value, f"{prefix}{key}.")
        else:
            found[f"{prefix}{key}"] = value
    return found


def row_settings(cell: FinishedCell) -> dict[str, Any]:
    """Return what makes a row of the table: everything but method, seed and fold."""
    record = cell.record
    train = {k: v for k, v in record["train"].items() if k != "checkpoint_seconds"}
    return {
        "adapter": record["adapter"],
        "folds": record["folds"],
        "data": record["dataset"]["name"],
        "model": record["model"]["name"],
        **flat(record["dataset"]["settings"], "data."),
        **flat(record["model"]["settings"], "model."),
        **flat(train),
        **_searched(cell, "train"),
    }


def column_settings(cell: FinishedCell) -> dict[str, Any]:
    """Return what makes a column: the method with its settings."""
    method = cell.record["method"]
    settings = {"method": method["name"], "erm_epochs": cell.record["erm_epochs"]}
    return {**settings, **flat(method["settings"]), **_searched(cell, "method")}


def _searched(cell: FinishedCell, section: str) -> dict[str, str]:
    """Return the settings that a search chose: cells that differ in them stand in one place."""
    return dict.fromkeys(cell.search.get("settings", {}).get(section, ()), "searched")


def _tell_apart(cells: Sequence[FinishedCell]) -> tuple[list[FinishedCell], tuple[str, ...]]:
    """Add to equal labels the settings in which they differ: such cells are never averaged."""
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    columns: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for cell in cells:
        rows.setdefault(cell.row, []).append(row_settings(cell))
        columns.setdefault((*cell.row, cell.method), []).append(column_settings(cell))
    shown: list[FinishedCell] = []
    said: dict[str, None] = {}
    for cell in cells:
        by_row = _differing(row_settings(cell), rows[cell.row])
        by_column = _differing(column_settings(cell), columns[*cell.row, cell.method])
        if by_row or by_column:
            said[f"{cell.dataset} / {cell.model} / {cell.method}"] = None
        shown.append(replace(cell, model=cell.model + by_row, method=cell.method + by_column))
    return shown, tuple(said)


def _differing(own: Record, others: Sequence[Record]) -> str:
    keys = [key for key in own if any(other.get(key) != own[key] for other in others)]
    return f" ({', '.join(f'{key}={own[key]}' for key in keys)})" if keys else ""
