"""`mixup-multi doctor`: what is installed, what this machine has, which data is here."""

from __future__ import annotations

import json
import os
import sys
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from packaging.requirements import Requirement
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from mixup_multi.cli.data import places
from mixup_multi.engine.cache import cache_folder
from mixup_multi.engine.memory import pick_device
from mixup_multi.errors import OutputError
from mixup_multi.grid.folder.environment import environment

EXTRAS = {
    "fabric": "lightning_fabric",
    "ray": "ray",
    "corruptions": "imagecorruptions",
    "tensorboard": "tensorboard",
    "autoattack": "pyautoattack",
    "mlflow": "mlflow",
    "hpo": "optuna",
}
"""The extras that runs can use, each with the module that it brings."""


def print_doctor(root: Path, *, as_json: bool) -> int:
    """Print what was found; return 2 where something that is required is absent or too old."""
    found = diagnosis(root)
    if as_json:
        sys.stdout.write(json.dumps(found, indent=1) + "\n")
    else:
        _print(found)
    return 2 if found["problems"] else 0


def diagnosis(root: Path) -> dict[str, Any]:
    """Return versions, devices, extras, the cache, data sets, and what is wrong."""
    made_with = environment(pick_device("auto"), 1)
    cache, problems = _cache()
    return {
        "versions": {"python": made_with["python"], **made_with["packages"]},
        "device": made_with["device"],
        "device_name": made_with["device_name"],
        "gpus": [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())],
        "cpu_count": made_with["cpu_count"],
        "extras": {extra: find_spec(module) is not None for extra, module in EXTRAS.items()},
        "cache": cache,
        "data": str(root.absolute()),
        "datasets": places(root),
        "problems": [*problems, *_requirements()],
    }


def _cache() -> tuple[str, list[str]]:
    try:
        folder = cache_folder()
    except OutputError as error:
        return "", [str(error)]
    if not os.access(folder, os.W_OK):
        return str(folder), [f"the cache folder {folder} cannot be written; set MIXUP_MULTI_CACHE"]
    return str(folder), []


def _requirements() -> list[str]:
    """Return what this package requires, without extras, and does not find as it needs it."""
    said = []
    for line in requires("mixup-multi") or ():
        requirement = Requirement(line)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            there = version(requirement.name)
        except PackageNotFoundError:
            there = ""
        if not requirement.specifier.contains(there or "0", prereleases=True):
            has = f"{there} is installed" if there else "it is not installed"
            said.append(f"{requirement} is required and {has}: pip install '{requirement}'")
    return said


def _print(found: dict[str, Any]) -> None:
    console = Console()

    def say(text: str) -> None:
        console.print(text, highlight=False, soft_wrap=True)

    versions = ", ".join(f"{name} {v or 'absent'}" for name, v in found["versions"].items())
    say(f"[bold]versions[/]  {escape(versions)}")
    gpus = ", ".join(found["gpus"]) or "no GPU"
    say(f"[bold]device[/]    {escape(found['device_name'])}, {found['cpu_count']} cores; {gpus}")
    extras = ", ".join(f"{n} {'yes' if there else 'no'}" for n, there in found["extras"].items())
    say(f"[bold]extras[/]    {escape(extras)}   (pip install 'mixup-multi\\[NAME]')")
    say(f"[bold]cache[/]     {escape(found['cache'])}")
    say(f"[bold]data[/]      {escape(found['data'])}")
    table = Table("data set", "there", "to download", box=None, pad_edge=False)
    for place in found["datasets"]:
        size = place["download"] if place["there"] == "no" else ""
        table.add_row(escape(place["name"]), place["there"], size)
    console.print(table)
    for problem in found["problems"]:
        say(f"[red]problem[/]   {escape(problem)}")
    if not found["problems"]:
        say("[green]no problems found[/]")
