"""`mixup-multi data`: fetch, verify and find data sets."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixup_multi import door
from mixup_multi.cli.plan import plan
from mixup_multi.engine.source import Data, Dataset, Trial
from mixup_multi.errors import DataError, SettingError, did_you_mean
from mixup_multi.recipe.load import parse_assignment, shipped_recipes

Settings = Mapping[str, Any]

YOURS = "your own"
"""The size of data sets whose files are given by path."""


def _installed() -> dict[str, Dataset]:
    """Return every data set by its name, and by adapter/name."""
    found: dict[str, Dataset] = {}
    for adapter in door.names(door.ADAPTERS):
        for name, dataset in door.load_adapter(adapter).datasets.items():
            found.setdefault(name, dataset)
            found[f"{adapter}/{name}"] = dataset
    return found


def _named(names: Sequence[str], given: Settings) -> Iterator[tuple[str, Dataset, Settings]]:
    """Yield name, data set and settings; a recipe stands for the data sets that it names."""
    installed = _installed()
    for name in names:
        if name in installed:
            yield name, installed[name], door.check_settings(installed[name].load, given)
        elif name in shipped_recipes() or Path(name).is_file():
            (item,) = plan([name], [])
            for cell in {repr(cell.dataset): cell for cell in item.templates}.values():
                dataset = door.load_adapter(cell.adapter).datasets[cell.dataset.name]
                yield cell.dataset.name, dataset, cell.dataset.settings
        else:
            raise SettingError(
                f"there is no data set or recipe {name!r}{did_you_mean(name, installed)}"
            )


def _parsed(assignments: Sequence[str]) -> dict[str, Any]:
    """Return `--set KEY=VALUE` options as settings."""
    return dict(parse_assignment(assignment) for assignment in assignments)


def fetch_datasets(names: Sequence[str], root: Path, assignments: Sequence[str]) -> int:
    """Download each data set that needs it; return 2 where one could not be had.

    A loader's `fetch` gets those of the settings that it names.
    """
    console, code = Console(), 0
    for name, dataset, settings in _named(names, _parsed(assignments)):
        if dataset.fetch is None:
            console.print(f"{escape(name)}: embedded, nothing to fetch")
            continue
        known = inspect.signature(dataset.fetch).parameters
        chosen = {key: value for key, value in settings.items() if key in known}
        console.print(
            f"{escape(name)}: fetching {dataset.size} into {root / dataset.folder}", soft_wrap=True
        )
        try:
            dataset.fetch(root, **chosen)
        except DataError as error:
            console.print(f"[red]bad[/]  {escape(str(error))}", highlight=False, soft_wrap=True)
            code = 2
        else:
            console.print(f"{escape(name)}: done")
    return code


def verify_datasets(names: Sequence[str], root: Path, assignments: Sequence[str]) -> int:
    """Load each data set and print what it is; return 2 where one cannot be used."""
    console, code = Console(), 0
    for name, dataset, settings in _named(names, _parsed(assignments)):
        try:
            data: Data = door.build(dataset.load, root, Trial(), settings=settings)
        except DataError as error:
            console.print(f"[red]bad[/]  {escape(str(error))}", highlight=False, soft_wrap=True)
            code = 2
            continue
        parts = {"training": data.train, "validation": data.validation, "test": data.test}
        rows = ", ".join(f"{len(part):,} {kind}" for kind, part in parts.items() if part)
        line = f"[green]good[/] {escape(name)}: {rows}; {_predicted(data)}; key {data.key}"
        console.print(line, highlight=False, soft_wrap=True)
        for note in data.notes:
            console.print(f"     note: {escape(note)}", highlight=False, soft_wrap=True)
    return code


def _predicted(data: Data) -> str:
    """Return what the targets are, in words."""
    if data.loss == "squared":
        return f"regression of {', '.join(data.classes)}"
    return f"{len(data.classes)} classes"


def print_places(root: Path, *, as_json: bool = False) -> None:
    """Print where each data set is looked for."""
    found = places(root)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
        return
    table = Table("data set", "where", "there", "download", box=None, pad_edge=False)
    for place in found:
        table.add_row(*(escape(place[key]) for key in ("name", "where", "there", "download")))
    Console().print(table)


def places(root: Path) -> list[dict[str, str]]:
    """Return for each data set its name, where it is looked for, whether it is there, its size."""
    found = []
    for adapter in door.names(door.ADAPTERS):
        for name, dataset in door.load_adapter(adapter).datasets.items():
            there = _there(dataset, root)
            found.append(
                {
                    "name": f"{adapter}/{name}",
                    "where": "" if dataset.fetch is None else str(root / dataset.folder),
                    "there": there,
                    "download": "" if there == YOURS else dataset.size,
                }
            )
    return found


def _there(dataset: Dataset, root: Path) -> str:
    """Return whether a data set is below the data root, or why it need not be."""
    if dataset.fetch is None:
        return YOURS if dataset.size == YOURS else "embedded"
    return "yes" if (root / dataset.folder).exists() else "no"
