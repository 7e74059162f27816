"""Analyses, kept in OUT/analyses/NAME-KEY: analysis.json, values.csv, figure.svg, figure.png.

analysis.json is written last and names the content of the other files by hashes: what is whole is
not computed again, and what was interrupted or has been changed is. The key is of name and
settings, not of the label.
"""

from __future__ import annotations

import hashlib
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mixup_multi import door
from mixup_multi.analysis import Analysis, Found
from mixup_multi.drawing import drawn, drawn_png
from mixup_multi.engine.cache import not_written, write_atomically
from mixup_multi.engine.sealed import DamagedError
from mixup_multi.errors import MissingDataError, MixupMultiError, WriteError
from mixup_multi.grid.folder.environment import environment
from mixup_multi.grid.folder.locks import held
from mixup_multi.grid.folder.sealed_json import read_json, write_json
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.recipe.cell import Choice

FOLDER = "analyses"


@dataclass(frozen=True)
class Made:
    """An analysis, and what came of it.

    Attributes:
        choice: what was asked for.
        record: what its analysis.json holds; None where it failed.
        message: why it failed.
        missing: whether it failed for want of data.
    """

    choice: Choice
    record: dict[str, Any] | None = None
    message: str = ""
    missing: bool = False


def folder_of(out: Path, choice: Choice) -> Path:
    """Return where an analysis is kept."""
    key = hashlib.sha256(choice.canonical.encode()).hexdigest()[:12]
    return out / FOLDER / f"{choice.name.replace(':', '.')}-{key}"


def whole_record(folder: Path) -> dict[str, Any] | None:
    """Return what an analysis.json holds; None where it, or a file that it names, is not whole."""
    try:
        record = read_json(folder / "analysis.json")
    except (DamagedError, OSError):
        return None
    if record is None:
        return None
    whole = all(_hash_of(folder / name) == digest for name, digest in record["files"].items())
    return record if whole else None


def kept_analyses(out: Path) -> dict[Path, dict[str, Any]]:
    """Return the records of all whole analyses of an output folder, by their folders."""
    folders = sorted(path for path in (out / FOLDER).glob("*") if path.is_dir())
    found = {folder: whole_record(folder) for folder in folders}
    return {folder: record for folder, record in found.items() if record is not None}


def unmade_analyses(out: Path) -> dict[str, str]:
    """Return why the analyses that were begun in an output folder are not whole, by folder."""
    folders = sorted(path for path in (out / FOLDER).glob("*") if path.is_dir())
    return {path.name: _why(path) for path in folders if whole_record(path) is None}


def _why(folder: Path) -> str:
    try:
        failure = read_json(folder / "failure.json") or {}
    except (DamagedError, OSError):
        failure = {}
    return str(failure.get("message", "it was interrupted, or its files have been changed"))


def missing_analyses(choices: Sequence[Choice], out: Path) -> list[Choice]:
    """Return those that have not been made."""
    return [choice for choice in choices if whole_record(folder_of(out, choice)) is None]


def analyse(choices: Sequence[Choice], site: Site) -> Iterator[Made]:
    """Make the analyses that are missing, and yield each as it ends.

    One that fails leaves its traceback in failure.json, and the others go on. Another process
    that makes the same is waited for.

    Raises:
        WriteError: nothing can be written.
    """
    for choice in choices:
        folder = folder_of(site.out, choice)
        with held(site.out, f"{FOLDER}-{folder.name}"):
            record = whole_record(folder)  # by another process, meanwhile
            yield Made(choice, record) if record is not None else _made(choice, site, folder)


def _made(choice: Choice, site: Site, folder: Path) -> Made:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise not_written(folder, error) from error
    for leftover in folder.glob(".*.tmp"):
        leftover.unlink(missing_ok=True)
    try:
        return Made(choice, _make(choice, site, folder))
    except WriteError:
        raise
    except Exception as error:
        ours = isinstance(error, MixupMultiError)
        message = str(error) if ours else f"{type(error).__name__}: {error}"
        content = {"message": message, "traceback": traceback.format_exc()}
        write_json(folder / "failure.json", content)
        return Made(choice, message=message, missing=isinstance(error, MissingDataError))


def _make(choice: Choice, site: Site, folder: Path) -> dict[str, Any]:
    began = time.perf_counter()
    entry = {"name": choice.name, **choice.settings}
    analysis: Analysis = door.make(door.ANALYSES, entry)
    found = analysis.compute(site.data, site.device)
    files = _write(folder, _files(analysis, found))
    record = {
        "name": choice.name,
        "label": choice.label,
        "settings": choice.settings,
        "caption": analysis.caption,
        "values": dict(found.values),
        "seconds": time.perf_counter() - began,
        "environment": environment(site.device, 1),
        "files": files,
    }
    write_json(folder / "analysis.json", record)
    (folder / "failure.json").unlink(missing_ok=True)
    return record


def _files(analysis: Analysis, found: Found) -> dict[str, bytes]:
    draw = partial(analysis.draw, found)
    return {
        "values.csv": found.csv().encode(),
        "figure.svg": drawn(*analysis.size, draw).encode(),
        "figure.png": drawn_png(*analysis.size, draw),
    }


def _write(folder: Path, files: Mapping[str, bytes]) -> dict[str, str]:
    """Write files and return their hashes by name."""
    for name, content in files.items():
        write_atomically(folder / name, partial(Path.write_bytes, data=content), durable=False)
    return {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}


def _hash_of(path: Path) -> str:
    """Return the hash of a file's content; that of nothing where it cannot be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
