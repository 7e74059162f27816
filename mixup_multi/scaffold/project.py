"""Writing a project from its templates: all of it, or nothing."""

from __future__ import annotations

import ast
import os
import shutil
from collections.abc import Iterator, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from string import Template

from mixup_multi import __version__
from mixup_multi.errors import OutputError, SettingError
from mixup_multi.scaffold.names import Names, names_of

SUFFIX = ".template"
"""Of templates, so that no tool takes them for the code that they become."""


def new_project(kind: str, name: str, into: Path) -> tuple[Names, Path]:
    """Write a new project into a folder of its own.

    Args:
        kind: the folder of templates: `adapter` or `method`.
        name: the project's name.
        into: the folder in which its folder is made.

    Returns:
        Its names, and its folder.

    Raises:
        SettingError: the name cannot be used, or the folder is there: nothing is overwritten.
        OutputError: it cannot be written; nothing is left behind.
    """
    names = names_of(name)
    folder = into / names.project
    if folder.exists():
        raise SettingError(
            f"{folder} is there already, and nothing is overwritten: expected a new folder;"
            " choose another name, or another place with --into"
        )
    texts = dict(rendered(kind, names))
    _check_apart(names, texts)
    try:
        _write_whole(folder, texts)
    except OSError as error:
        raise OutputError(
            f"{folder} cannot be written ({error.strerror or error}); expected a place that can,"
            " named with --into"
        ) from error
    return names, folder


def rendered(kind: str, names: Names) -> Iterator[tuple[str, str]]:
    """Yield the project's files: path below its folder, and text."""
    words = {
        "module": names.module,
        "project": names.project,
        "type": names.type,
        "title": names.title,
        "version": __version__,
    }
    for path, template in _templates(files("mixup_multi.scaffold") / "templates" / kind):
        text = Template(template.read_text(encoding="utf-8")).substitute(words)
        yield path.replace("NAME", names.module).removesuffix(SUFFIX), text


def _check_apart(names: Names, texts: Mapping[str, str]) -> None:
    """Raise `SettingError` where the project's code imports something else by one of its names."""
    trees = [ast.parse(text) for path, text in texts.items() if path.endswith(".py")]
    used = {name for tree in trees for name in _imported(tree, but_from=names.module)}
    for name in (names.module, names.type):
        if name in used:
            raise SettingError(
                f"{names.project!r} cannot be its name: its own code needs {name!r}, which is"
                f" something else. Choose another, e.g. my-{names.project}"
            )


def _imported(tree: ast.Module, but_from: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            if module.partition(".")[0] != but_from:
                yield from (alias.asname or alias.name for alias in node.names)


def _templates(folder: Traversable, below: str = "") -> Iterator[tuple[str, Traversable]]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _templates(entry, f"{below}{entry.name}/")
        elif entry.name.endswith(SUFFIX):
            yield f"{below}{entry.name}", entry


def _write_whole(folder: Path, texts: Mapping[str, str]) -> None:
    """Write files beside the folder's place and move them there when all are written."""
    unfinished = folder.with_name(f".{folder.name}.{os.getpid()}")
    try:
        for path, text in texts.items():
            file = unfinished / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        unfinished.rename(folder)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
