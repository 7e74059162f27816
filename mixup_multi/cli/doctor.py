"""`mixup-multi doctor`: what is installed, what this machine has, which data is here."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.markup import escape
from rich.table import Table

from mixup_multi.cli import diagnosis
from mixup_multi.cli.exits import DONE, MISTAKE
from mixup_multi.cli.sizes import in_words, to_download, total
from mixup_multi.cli.terminal import Terminal, plain_table
from mixup_multi.grid.folder.versions import versions


def print_doctor(root: Path | None, terminal: Terminal) -> int:
    """Print what was found; return 2 where something that runs need is absent or broken."""
    found = diagnosed((root or Path("data")).expanduser())
    code = MISTAKE if found["problems"] else DONE
    if terminal.as_json:
        terminal.answer({"exit_code": code, **found})
    else:
        _print(terminal, found)
    return code


def diagnosed(root: Path) -> dict[str, Any]:
    """Return versions, devices, extras, folders, data sets, and what is wrong."""
    machine, no_torch = diagnosis.machine()
    cache, no_cache = diagnosis.cache()
    output, no_output = diagnosis.output()
    datasets, no_adapters = diagnosis.datasets(root)
    needed = diagnosis.packages()
    return {
        "versions": {"python": platform.python_version(), **versions()},
        **machine,
        "extras": diagnosis.extras(),
        "cache": cache,
        "output": output,
        "data": diagnosis.data(root),
        "datasets": datasets,
        "to_download": total(to_download(datasets)),
        # A package that is missing is the cause of what cannot be imported, and so comes first.
        "problems": [
            *needed,
            *no_torch,
            *no_adapters,
            *diagnosis.strangers(),
            *no_cache,
            *no_output,
        ],
    }


def _print(terminal: Terminal, found: Mapping[str, Any]) -> None:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold")
    grid.add_column(overflow="fold")
    for title, lines in _parts(found):
        for number, line in enumerate(lines):
            grid.add_row("" if number else title, escape(line))
    terminal.show(grid)
    terminal.say("")
    terminal.show(_datasets(found["datasets"]))
    terminal.say(f"\nto download: {escape(found['to_download'])}")
    for problem in found["problems"]:
        terminal.say(f"[red]problem[/]  {escape(problem)}")
    if not found["problems"]:
        terminal.say("[green]no problems found[/]")


def _parts(found: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return titles with their lines."""
    gpus = [f"{gpu['name']}, {in_words(gpu['bytes'])}" for gpu in found["gpus"]]
    cache, data, output = (found[key] for key in ("cache", "data", "output"))
    held = f"{in_words(cache['bytes'])} in {cache['files']} files"
    there = "is there" if data["exists"] else "is not there yet"
    versions = [f"{name} {version or 'absent'}" for name, version in found["versions"].items()]
    return [
        ("versions", [", ".join(versions)]),
        ("processor", [f"{found['device_name'] or 'unknown'}, {_threads(found)}"]),
        ("GPUs", gpus or ["none"]),
        ("extras", _extras(found["extras"])),
        ("cache", [f"{cache['path']}: {held}; {_state(cache)} (MIXUP_MULTI_CACHE)"]),
        ("data", [f"{data['path']}: {there}; {_free(data)} (--data, MIXUP_MULTI_DATA)"]),
        ("output", [f"{output['path']}: {_state(output)} (--out)"]),
    ]


def _threads(found: Mapping[str, Any]) -> str:
    said = f"{found['cpu_count']} cores; torch's threads: {found['threads'] or '-'}"
    given = os.environ.get("OMP_NUM_THREADS")
    return f"{said} (OMP_NUM_THREADS={given})" if given else said


def _extras(extras: Mapping[str, Mapping[str, Any]]) -> list[str]:
    here = [name for name, one in extras.items() if one["installed"]]
    return [
        f"installed: {', '.join(here) or 'none'}",
        *(f"{name}: {one['install']}" for name, one in extras.items() if not one["installed"]),
    ]


def _state(place: Mapping[str, Any]) -> str:
    return f"{'can' if place['writable'] else 'CANNOT'} be written, {_free(place)}"


def _free(place: Mapping[str, Any]) -> str:
    return "free space unknown" if place["free"] is None else f"{in_words(place['free'])} free"


def _datasets(found: Sequence[Mapping[str, str]]) -> Table:
    table = plain_table("data set", "there", "to download")
    for place in found:
        size = place["download"] or "unknown" if place["there"] == "no" else ""
        table.add_row(escape(place["name"]), place["there"], size)
    return table
