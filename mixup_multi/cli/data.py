"""`mixup-multi data`: fetch, verify and find data sets."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from mixup_multi import door
from mixup_multi.cli.exits import DONE, MISTAKE
from mixup_multi.cli.plan import plan
from mixup_multi.cli.remembered import remember
from mixup_multi.cli.sizes import to_download, total
from mixup_multi.cli.terminal import Terminal, plain_table
from mixup_multi.engine.source import Data, Dataset, Trial
from mixup_multi.errors import DataError, SettingError, did_you_mean
from mixup_multi.recipe.load import parse_assignment
from mixup_multi.recipe.shipped import shipped_recipes

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


def fetch_datasets(
    names: Sequence[str], root: Path, assignments: Sequence[str], terminal: Terminal
) -> int:
    """Download each data set that needs it; return 2 where one could not be had.

    A loader's `fetch` gets those of the settings that it names.
    """
    told: list[dict[str, Any]] = []
    for name, dataset, settings in _named(names, _parsed(assignments)):
        entry = {"name": name, "state": "embedded", "where": None, "message": ""}
        told.append(entry)
        if dataset.fetch is None:
            terminal.say(f"{escape(name)}: embedded, nothing to fetch")
            continue
        folder = root / dataset.folder
        entry["where"] = str(folder)
        known = inspect.signature(dataset.fetch).parameters
        chosen = {key: value for key, value in settings.items() if key in known}
        size = f"{dataset.size} " if dataset.size else ""
        terminal.say(f"{escape(name)}: fetching {size}into {escape(str(folder))}")
        try:
            dataset.fetch(root, **chosen)
        except DataError as error:
            terminal.fail(f"[red]bad[/]  {escape(str(error))}")
            entry.update(state="bad", message=str(error))
        else:
            terminal.say(f"{escape(name)}: done")
            entry["state"] = "there"
    return _answered(told, root, terminal)


def verify_datasets(
    names: Sequence[str], root: Path, assignments: Sequence[str], terminal: Terminal
) -> int:
    """Load each data set and print what it is; return 2 where one cannot be used."""
    told: list[dict[str, Any]] = []
    for name, dataset, settings in _named(names, _parsed(assignments)):
        try:
            data: Data = door.build(dataset.load, root, Trial(), settings=settings)
        except DataError as error:
            terminal.fail(f"[red]bad[/]  {escape(str(error))}")
            told.append({"name": name, "state": "bad", "message": str(error)})
            continue
        entry = {"name": name, "state": "good", **_facts(data)}
        told.append(entry)
        rows = ", ".join(f"{n:,} {part}" for part, n in entry["rows"].items())
        terminal.say(f"[green]good[/] {escape(name)}: {rows}; {_predicted(data)}; key {data.key}")
        for note in data.notes:
            terminal.say(f"     note: {escape(note)}")
    return _answered(told, root, terminal)


def _answered(told: Sequence[dict[str, Any]], root: Path, terminal: Terminal) -> int:
    code = MISTAKE if any(entry["state"] == "bad" for entry in told) else DONE
    terminal.answer({"exit_code": code, "data": str(root), "datasets": list(told)})
    return code


def _facts(data: Data) -> dict[str, Any]:
    """Return what a data set is, as plain values."""
    parts = {"training": data.train, "validation": data.validation, "test": data.test}
    return {
        "rows": {kind: len(part) for kind, part in parts.items() if part},
        "task": "regression" if data.loss == "squared" else "classification",
        "classes": list(data.classes),
        "key": data.key,
        "notes": list(data.notes),
    }


def _predicted(data: Data) -> str:
    """Return what the targets are, in words."""
    if data.loss == "squared":
        return f"regression of {', '.join(data.classes)}"
    return f"{len(data.classes)} classes"


def print_places(root: Path, terminal: Terminal) -> None:
    """Print where each data set is looked for."""
    found = places(root)
    remember()
    if terminal.as_json:
        terminal.answer(found)
        return
    terminal.show(places_table(found))
    terminal.say(f"to download: {total(to_download(found))}; data root {escape(str(root))}")


def places_table(found: Sequence[Mapping[str, str]]) -> Table:
    """Return the data sets, where they are looked for, and how large a download is."""
    table = plain_table("data set", "there", "download", "where")
    for place in found:
        table.add_row(*(escape(place[key]) for key in ("name", "there", "download", "where")))
    return table


def places(root: Path) -> list[dict[str, str]]:
    """Return for each data set its name, where it is looked for, whether it is there, its size."""
    return [place for adapter in door.names(door.ADAPTERS) for place in places_of(adapter, root)]


def places_of(adapter: str, root: Path) -> Iterator[dict[str, str]]:
    """Yield those of one adapter."""
    for name, dataset in door.load_adapter(adapter).datasets.items():
        there = _there(dataset, root)
        yield {
            "name": f"{adapter}/{name}",
            "where": "" if dataset.fetch is None else str(root / dataset.folder),
            "there": there,
            "download": "" if there == YOURS else dataset.size,
        }


def _there(dataset: Dataset, root: Path) -> str:
    """Return whether a data set is below the data root, or why it need not be."""
    if dataset.fetch is None:
        return YOURS if dataset.size == YOURS else "embedded"
    return "yes" if (root / dataset.folder).exists() else "no"
