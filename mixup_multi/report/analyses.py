"""The analyses of an output folder: their figures, and the numbers that sum them up."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mixup_multi.report.collect import Collected
from mixup_multi.report.pictures import Picture
from mixup_multi.report.sheet import Entry, Sheet, words


def analysis_sheet(collected: Collected) -> Sheet | None:
    """Return the numbers of all analyses; None where there is none."""
    records = collected.analyses.values()
    if not records:
        return None
    return Sheet(
        name="analyses",
        title="Numbers of the analyses",
        caption="What sums up each figure; all numbers of a figure are in its CSV. Settings stand"
        " below.",
        headings=("Analysis", "Quantity", "Value"),
        rows=tuple(
            (*words(_title(record), name), Entry(f"{value:.4g}", value))
            for record in records
            for name, value in record["values"].items()
        ),
        notes=tuple(f"{_title(record)}: {_described(record)}" for record in records),
    )


def analysis_pictures(collected: Collected, report: Path) -> Iterator[Picture]:
    """Yield the figure of each analysis, with the way to it from the folder `report`."""
    for number, (folder, record) in enumerate(collected.analyses.items(), 1):
        yield Picture(
            name=f"analysis-{number}",
            title=_title(record),
            svg=(folder / "figure.svg").read_text("utf-8"),
            alt=f"{record['label']}: {record['caption']} The numbers are in the CSV.",
            caption=str(record["caption"]),
            data=(folder / "values.csv").read_text("utf-8"),
            file=Path(os.path.relpath(folder / "figure.png", report)).as_posix(),
        )


def _title(record: Mapping[str, Any]) -> str:
    """Return the label, with the analysis behind it where it says something else."""
    label, name = str(record["label"]), str(record["name"])
    return label if label == name else f"{label} ({name})"


def _described(record: Mapping[str, Any]) -> str:
    settings = ", ".join(f"{key} {_said(value)}" for key, value in record["settings"].items())
    place = record["environment"]
    packages = ", ".join(f"{name} {place['packages'][name]}" for name in ("torch", "scikit-learn"))
    return (
        f"{settings}. {record['seconds']:.1f} s on {place['device_name']};"
        f" Python {place['python']}, {packages}, commit {place['commit'] or 'unknown'}"
    )


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = (f"{key} {_said(one)}" for key, one in value.items() if one not in (None, False))
        return f"({', '.join(inside)})"
    return ", ".join(map(_said, value)) if isinstance(value, list) else str(value)
