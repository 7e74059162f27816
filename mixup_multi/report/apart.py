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


def tell_apart(cells: Sequence[FinishedCell]) -> tuple[list[FinishedCell], tuple[str, ...]]:
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
