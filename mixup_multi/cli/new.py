"""`mixup-multi new`: a project that works, and what to do with it."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from rich.markup import escape

from mixup_multi.cli.terminal import Terminal
from mixup_multi.scaffold.project import new_project

FIRST = {"adapter": "{module}/data.py", "method": "{module}.py"}
"""Where the changing of a new project begins."""


def make_project(kind: str, name: str, into: Path, terminal: Terminal) -> None:
    """Write a new project, and print its files and the commands that come next."""
    names, folder = new_project(kind, name, into)
    place = os.path.relpath(folder)
    files = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    first = FIRST[kind].format(module=names.module)
    lines = [
        f"[green]made[/] {escape(place)}",
        *(f"  {escape(file)}" for file in files),
        "",
        "It works as it is. Next:",
        f"  cd {shlex.quote(place)}",
        "  python -m pip install -e '.\\[test]'",
        "  python -m pytest",
        f"  mixup-multi run {names.module}.yaml",
        "",
        f"Then change it: the places are marked TO CHANGE, {first} first; README.md lists them.",
    ]
    terminal.say("\n".join(lines))
    terminal.answer({"folder": str(folder), "files": files})
