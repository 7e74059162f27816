"""Telling apart cells whose labels are equal and whose settings are not: never averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mixup_multi.report.cells import FinishedCell, Record


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
    """Return what makes a row: the data, and where columns are methods model and training too."""
    record = cell.record
    names = {
        "adapter": record["adapter"],
        "folds": record["folds"],
        "data": record["dataset"]["name"],
    }
    data = flat(record["dataset"]["settings"], "data.")
    if _of_systems(cell):
        return {**names, **data}
    return {**names, "model": record["model"]["name"], **data, **_model_settings(cell)}


def column_settings(cell: FinishedCell) -> dict[str, Any]:
    """Return what makes a column: the method with its settings, and of a system all but data."""
    method = cell.record["method"]
    system = _of_systems(cell)
    model = {"model": cell.record["model"]["name"], **_model_settings(cell)} if system else {}
    prefix = "method." if system else ""  # training and method may each have a setting of a name
    return {
        **model,
        "method": method["name"],
        "erm_epochs": cell.record["erm_epochs"],
        **flat(method["settings"], prefix),
        **_searched(cell, "method", prefix),
    }


def _of_systems(cell: FinishedCell) -> bool:
    return "model" in cell.layout.columns


def _model_settings(cell: FinishedCell) -> dict[str, Any]:
    """Return the settings of the model and of training."""
    train = {k: v for k, v in cell.record["train"].items() if k != "checkpoint_seconds"}
    model = flat(cell.record["model"]["settings"], "model.")
    return {**model, **flat(train), **_searched(cell, "train")}


def _searched(cell: FinishedCell, section: str, prefix: str = "") -> dict[str, str]:
    """Return the settings that a search chose: cells that differ in them stand in one place."""
    chosen = cell.search.get("settings", {}).get(section, ())
    return {f"{prefix}{key}": "searched" for key in chosen}


def tell_apart(cells: Sequence[FinishedCell]) -> tuple[list[FinishedCell], tuple[str, ...]]:
    """Add to equal labels the settings in which they differ: such cells are never averaged."""
    rows: dict[object, list[dict[str, Any]]] = {}
    columns: dict[object, list[dict[str, Any]]] = {}
    for cell in cells:
        rows.setdefault((cell.layout, cell.row), []).append(row_settings(cell))
        columns.setdefault(_place(cell), []).append(column_settings(cell))
    shown: list[FinishedCell] = []
    said: dict[str, None] = {}
    for cell in cells:
        by_row = _differing(row_settings(cell), rows[cell.layout, cell.row])
        by_column = _differing(column_settings(cell), columns[_place(cell)])
        if by_row or by_column:
            said[_labels(cell)] = None
        last = cell.layout.rows[-1]
        labels = {last: getattr(cell, last) + by_row, "method": cell.method + by_column}
        shown.append(replace(cell, **labels))
    return shown, tuple(said)


def _labels(cell: FinishedCell) -> str:
    return f"{cell.dataset} / {cell.model} / {cell.method}"


def _place(cell: FinishedCell) -> tuple[object, ...]:
    """Return the place that a cell's labels give it; " / " may stand in a label too."""
    return cell.layout, cell.row, _labels(cell)


def _differing(own: Record, others: Sequence[Record]) -> str:
    keys = [key for key in own if any(other.get(key) != own[key] for other in others)]
    return f" ({', '.join(f'{key}={own[key]}' for key in keys)})" if keys else ""
