"""Under what conditions: the tables of settings, of time and memory, and of environments."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mixup_multi.report.apart import column_settings, row_settings
from mixup_multi.report.cells import FinishedCell
from mixup_multi.report.group import Group
from mixup_multi.report.layout import SYSTEMS, Row
from mixup_multi.report.sheet import Entry, Sheet, count, spread, words
from mixup_multi.report.statistics import deviation


def cost_sheet(group: Group) -> Sheet:
    """Return time, size and, where the system told it, memory."""
    counted = dict.fromkeys(
        str(cell.result["peak_memory_of"]) for cell in group.cells if _peak(cell) is not None
    )
    return Sheet(
        name=f"{group.name}-cost",
        title="Time and memory",
        caption="Seconds of training a cell (mean ± sample standard deviation, with evaluations"
        " inside), seconds an epoch, parameters of the model, and the highest peak of memory of"
        " these cells. Cells that trained together, as one stacked model, have equal shares of its"
        " time. Times on a shared machine tell little of each other.",
        headings=(
            *(*group.layout.place_headings, "n", "Seconds a cell", "Seconds an epoch"),
            *("Together", "Parameters", "Peak memory MiB", "Device"),
        ),
        rows=tuple(_cost_row(row, column, cells) for row, column, cells in group.places()),
        notes=(
            f"Memory is {'; or '.join(counted)}. It holds the data set too, and of a cell that was"
            " interrupted it is that of the last stretch.",
        )
        if counted
        else (),
    )


def _cost_row(row: Row, column: str, cells: list[FinishedCell]) -> tuple[Entry, ...]:
    seconds = [float(cell.result["seconds"]) for cell in cells]
    epochs = [cell.result["seconds"] / max(cell.result.get("epochs", 1), 1) for cell in cells]
    devices = sorted({str(cell.environment.get("device_name", "unknown")) for cell in cells})
    return (
        *words(*row, column),
        count(len(cells)),
        Entry(spread(float(np.mean(seconds)), deviation(seconds)), float(np.mean(seconds))),
        Entry(f"{np.mean(epochs):.3f}", float(np.mean(epochs))),
        count(max(int(cell.environment.get("trained_together", 1)) for cell in cells)),
        count(cells[0].result.get("parameters")),
        _memory(cells),
        Entry(", ".join(devices)),
    )


def _memory(cells: list[FinishedCell]) -> Entry:
    peaks = [found for cell in cells if (found := _peak(cell)) is not None]
    if not peaks:
        return Entry("not recorded")
    return Entry(f"{max(peaks):,.0f}", max(peaks))


def _peak(cell: FinishedCell) -> float | None:
    """Return a cell's peak memory in MiB; None where it was not recorded."""
    peak = cell.result.get("peak_memory_bytes")
    return None if peak is None else float(peak) / 2**20


def settings_sheet(group: Group) -> Sheet:
    """Return what each row of the tables was run with, common settings once below."""
    firsts = {cell.row: row_settings(cell) for cell in reversed(group.cells)}
    common = _common(list(firsts.values()))
    return Sheet(
        name=f"{group.name}-settings",
        title="Settings",
        caption="Seeds, folds and what else differs between rows; what all share stands below.",
        headings=(*group.layout.headings, "Seeds", "Folds", "Settings of this row"),
        rows=tuple(
            (
                *words(*row, _seeds(group, row)),
                Entry(str(firsts[row]["folds"] or "-")),
                Entry(_listed(firsts[row], leave=common) or "-"),
            )
            for row in group.rows
        ),
        notes=(f"All rows: {_listed(common)}.",),
    )


def columns_sheet(group: Group) -> Sheet:
    """Return the settings of every column, and where it had them; of systems what all share once.

    Methods share hardly a setting, and systems those of training.
    """
    settings = [column_settings(cells[0]) for *_, cells in group.places()]
    common = _common(settings) if group.layout is SYSTEMS else {}
    kinds: dict[tuple[str, str], dict[str, None]] = {}
    for (row, column, _), own in zip(group.places(), settings, strict=True):
        kinds.setdefault((column, _listed(own, leave=common)), {})[row[0]] = None
    one, many = group.layout.one, group.layout.many
    return Sheet(
        name=f"{group.name}-{many}",
        title=many.capitalize(),
        caption=f"What each {one} was run with, defaults included.",
        headings=(one.capitalize(), "Settings", "Data sets"),
        rows=tuple(words(*kind, ", ".join(sets)) for kind, sets in kinds.items()),
        notes=(f"All {many}: {_listed(common)}.",) if common else (),
    )


def _seeds(group: Group, row: Row) -> str:
    seeds = {cell.record["seed"] for cell in group.cells if cell.row == row}
    return ", ".join(map(str, sorted(seeds)))


def _common(settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    first = settings[0]
    return {k: v for k, v in first.items() if all(k in one and one[k] == v for one in settings)}


def _listed(settings: Mapping[str, Any], leave: Mapping[str, Any] | None = None) -> str:
    shown = {
        key: value
        for key, value in settings.items()
        if value not in (None, []) and key not in (leave or {}) and key != "folds"
    }
    return ", ".join(f"{key}={value}" for key, value in shown.items())


def environment_sheet(cells: Sequence[FinishedCell]) -> Sheet:
    """Return the versions and machines that cells were made with."""
    return Sheet(
        name="environments",
        title="Environments",
        caption="Versions and machines, with the number of cells made there.",
        headings=("Cells", "Commit", "Device", "CPU cores", "Platform", "Packages"),
        rows=tuple((count(n), *words(*kind)) for kind, n in _environments(cells).items()),
    )


def made_with(cells: Sequence[FinishedCell]) -> tuple[str, ...]:
    """Return the versions and machines in a line each, for the top of the report."""
    return tuple(
        f"{n:,} {'cell' if n == 1 else 'cells'} on {device} (CPU cores: {cores}); {platform};"
        f" {packages}; commit {commit}"
        for (commit, device, cores, platform, packages), n in _environments(cells).items()
    )


def _environments(cells: Sequence[FinishedCell]) -> Counter[tuple[str, ...]]:
    return Counter(_environment(cell.environment) for cell in cells)


def _environment(place: Mapping[str, Any]) -> tuple[str, ...]:
    packages = place.get("packages", {}).items()
    return (
        str(place.get("commit") or "unknown"),
        f"{place.get('device')}: {place.get('device_name')}",
        f"{place.get('cpu_count')}, of them used {place.get('torch_threads')}",
        f"{place.get('platform')}, Python {place.get('python')}",
        ", ".join(f"{name} {version or 'not installed'}" for name, version in packages),
    )
