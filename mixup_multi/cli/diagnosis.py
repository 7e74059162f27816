"""What `mixup-multi doctor` looks at. Each part stands alone, so that what is broken is named.

Nothing that may be missing is imported at the top: torch, and the adapters with all they need.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from importlib.metadata import PackageNotFoundError, metadata, requires
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

from mixup_multi.cli.sizes import folder_size
from mixup_multi.entries import ADAPTERS, MADE, entries, kind_of
from mixup_multi.folders import cache_root
from mixup_multi.grid.folder.versions import version_of

NAME = "mixup-multi"
DEVELOPERS = ("dev", "docs", "test")
"""Extras that no run uses."""
Part = dict[str, Any]
Problems = list[str]


def machine() -> tuple[Part, Problems]:
    """Return processor, cores, threads and GPUs; torch knows them."""
    found: Part = {"cpu_count": os.cpu_count(), "threads": None, "device_name": "", "gpus": []}
    try:
        import torch

        from mixup_multi.grid.folder.environment import processor
    except (ImportError, OSError) as error:
        return found, [f"torch cannot be imported ({error}): pip install {_asked_for('torch')}"]
    gpus = [torch.cuda.get_device_properties(i) for i in range(torch.cuda.device_count())]
    found["threads"] = torch.get_num_threads()
    found["device_name"] = processor()
    found["gpus"] = [{"name": gpu.name, "bytes": gpu.total_memory} for gpu in gpus]
    return found, []


def packages() -> Problems:
    """Return what this package requires, without extras, and does not find as it needs it."""
    try:
        lines = requires(NAME) or ()
    except PackageNotFoundError:
        return [f"{NAME} is not installed, so nothing is known by name: pip install -e ."]
    return [said for line in lines if _applies(Requirement(line), "") for said in _lacking(line)]


def extras() -> dict[str, Part]:
    """Return of each extra that runs can use whether it is installed, or how to install it."""
    try:
        offered = metadata(NAME).get_all("Provides-Extra") or ()
        lines = requires(NAME) or ()
    except PackageNotFoundError:
        return {}
    found = {}
    for extra in sorted(set(offered) - {*DEVELOPERS}):
        own = [one for one in lines if _applies(Requirement(one), extra)]
        added = [one for one in own if not _applies(Requirement(one), "")]
        lacking = [Requirement(one).name for one in added if _lacking(one)]
        install = f"pip install '{NAME}[{extra}]'"
        found[extra] = {"installed": not lacking, "lacking": lacking, "install": install}
    return found


def cache() -> tuple[Part, Problems]:
    """Return where the cache is, what it holds, and whether it can be written."""
    folder = cache_root()
    size, files = folder_size(folder)
    part, problems = _place("cache", folder, "set MIXUP_MULTI_CACHE to another folder")
    return {**part, "bytes": size, "files": files}, problems


def output() -> tuple[Part, Problems]:
    """Return whether runs can write where they write by default."""
    return _place("output", Path("runs"), "name another with --out")


def data(root: Path) -> Part:
    """Return where the data root is; it need be neither there nor writable."""
    return {"path": str(root.absolute()), "exists": root.is_dir(), "free": _free(root)}


def datasets(root: Path) -> tuple[list[dict[str, str]], Problems]:
    """Return the data sets of every adapter that can be loaded, and why others cannot."""
    found: list[dict[str, str]] = []
    problems = []
    for adapter, point in entries(ADAPTERS).items():
        try:
            from mixup_multi.cli.data import places_of

            found += places_of(adapter, root)
        except Exception as error:  # whatever a stranger's adapter does
            problems.append(_broken("adapter", adapter, point.value, error))
    return found, problems


def strangers() -> Problems:
    """Return which methods, attacks, ... of other packages cannot be imported."""
    problems = []
    for group in MADE:
        for name, point in entries(group).items():
            if not point.value.startswith("mixup_multi"):
                try:
                    point.load()
                except Exception as error:  # whatever a stranger's module does
                    problems.append(_broken(kind_of(group), name, point.value, error))
    return problems


def _broken(kind: str, name: str, value: str, error: Exception) -> str:
    said = f"{type(error).__name__}: {error}"
    missing = error.name if isinstance(error, ModuleNotFoundError) else None
    mend = f"install the package of {missing}" if missing else "reinstall or remove its package"
    return f"the {kind} {name!r} ({value}) cannot be loaded ({said}): {mend}"


def _place(what: str, folder: Path, mend: str) -> tuple[Part, Problems]:
    """Return a folder, made or not, as plain values, and the problem of writing to it."""
    folder = folder.absolute()
    reason = _unwritable(_nearest(folder))
    part = {"path": str(folder), "exists": folder.is_dir(), "writable": not reason}
    problems = [f"the {what} folder {folder} cannot be written ({reason}); {mend}"]
    return {**part, "free": _free(folder)}, problems if reason else []


def _unwritable(folder: Path) -> str:
    """Return why no file can be made in a folder, having tried; nothing where one can."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return ""
    except OSError as error:
        return error.strerror or str(error)


def _nearest(folder: Path) -> Path:
    """Return the folder, or the deepest of its parents that exists."""
    return next(one for one in (folder, *folder.parents) if one.exists())


def _free(folder: Path) -> int | None:
    try:
        return shutil.disk_usage(_nearest(folder.absolute())).free
    except OSError:
        return None


def _applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _lacking(line: str) -> Problems:
    """Return what is wrong with a required package, if anything, and the command that mends it."""
    requirement = Requirement(line)
    requirement.marker = None
    there = version_of(requirement.name)
    if there is None:
        return [f"{requirement} is required and it is not installed: pip install '{requirement}'"]
    if not requirement.specifier.contains(there, prereleases=True):
        has = f"{there} is installed"
        return [f"{requirement} is required and {has}: pip install '{requirement}'"]
    return []


def _asked_for(package: str) -> str:
    """Return a package in quotes with the versions that are required of it, for pip."""
    try:
        lines = [Requirement(line) for line in requires(NAME) or ()]
    except PackageNotFoundError:
        lines = []
    found = next((one for one in lines if one.name == package), package)
    return f"'{found}'"
