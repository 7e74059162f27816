"""A scratch environment, into which strangers' packages are installed as their users would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Scratch:
    """A virtual environment that sees what is installed here, and gets more."""

    folder: Path

    @classmethod
    def make(cls, folder: Path) -> Scratch:
        """Make one; nothing is downloaded."""
        pytest.importorskip("pip", reason="pip installs the packages")
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
        scratch = cls(folder)
        inside = scratch.said("-c", "import sysconfig; print(sysconfig.get_path('purelib'))")
        # `addsitedir` also reads the .pth files there, by which an editable install is found.
        here = sysconfig.get_path("purelib")
        line = f"import site; site.addsitedir({here!r})\n"
        (Path(inside.strip()) / "here.pth").write_text(line)
        return scratch

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / ("Scripts" if os.name == "nt" else "bin") / "python"

    def install(self, project: Path) -> None:
        """Install a project by pip, of what is here."""
        words = ["install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
        command = [sys.executable, "-m", "pip", "--python", self.python, *words, project]
        self._output(command, self.folder)

    def said(self, *arguments: object, cwd: Path | None = None) -> str:
        """Run its Python, and return what was printed; a failure shows it."""
        return self._output([self.python, *map(str, arguments)], cwd or self.folder)

    def mixup_multi(self, *arguments: object, cwd: Path | None = None) -> str:
        """Run the command in it."""
        return self.said("-m", "mixup_multi", *arguments, cwd=cwd)

    def _output(self, command: list[object], cwd: Path) -> str:
        environment = {**os.environ, "COLUMNS": "200", "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            list(map(str, command)), cwd=cwd, env=environment, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


def listed(scratch: Scratch) -> dict[str, list[dict[str, str]]]:
    """Return the lists of what recipes can name there."""
    found: dict[str, list[dict[str, str]]] = json.loads(scratch.mixup_multi("list", "--json"))
    return found


def finished_methods(out: Path) -> list[str]:
    """Return the names of the methods whose cells have a result, a name for each cell."""
    done = [path.parent / "cell.json" for path in out.glob("cells/*/result.json")]
    return sorted(json.loads(path.read_text())["method"]["name"] for path in done)
