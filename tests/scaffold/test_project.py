"""What is written: whole projects in new folders, in code that is as clean as ours."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from command_line import invoke

from mixup_multi.errors import OutputError, SettingError
from mixup_multi.scaffold.project import new_project

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "docs" / "examples" / "heartbeats"
KINDS = ("adapter", "method")
every_kind = pytest.mark.parametrize("kind", KINDS)


def texts(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in files}


@every_kind
def test_a_project_has_its_name_everywhere(kind: str, tmp_path: Path) -> None:
    _, folder = new_project(kind, "my-own", tmp_path / "new" / "place")
    assert folder == tmp_path / "new" / "place" / "my-own"
    written = texts(folder)
    assert {"pyproject.toml", "README.md", "my_own.yaml"} <= written.keys()
    assert all(not re.search(r"NAME|\$\{?\w|template", text) for text in written.values())
    assert all("NAME" not in path and "template" not in path for path in written)
    assert 'my_own = "my_own:' in written["pyproject.toml"]
    assert [path.name for path in folder.parent.iterdir()] == ["my-own"]


@every_kind
def test_its_readme_lists_every_place_to_change(kind: str, tmp_path: Path) -> None:
    written = texts(new_project(kind, "my-own", tmp_path)[1])
    marked = {
        (path, number)
        for path, text in written.items()
        for number in re.findall(r"# TO CHANGE (\d)", text)
    }
    listed = set(re.findall(r"^\| `([\w./]+)`, (\d) \|", written["README.md"], re.MULTILINE))
    assert listed == marked
    assert sorted(int(number) for _, number in marked) == [1, 2, 3, 4, 5]


@every_kind
def test_nothing_is_overwritten(kind: str, tmp_path: Path) -> None:
    (tmp_path / "my-own").mkdir()
    with pytest.raises(SettingError, match="nothing is overwritten"):
        new_project(kind, "my-own", tmp_path)
    assert not list((tmp_path / "my-own").iterdir())


def test_a_name_that_its_own_code_needs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="its own code needs 'Mix'"):
        new_project("method", "mix", tmp_path)
    assert not list(tmp_path.iterdir())


def test_what_cannot_be_written_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, text: str, encoding: str) -> int:
        if self.name == "README.md":
            raise OSError(28, "No space left on device")
        with self.open("w", encoding=encoding) as file:
            return file.write(text)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OutputError, match="No space left on device"):
        new_project("adapter", "my-own", tmp_path)
    assert not list(tmp_path.iterdir())


@every_kind
def test_the_command_says_what_comes_next(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    said = invoke("new", kind, "my-own", "--into", "there")
    assert said.code == 0, said.err
    for line in (f"cd {Path('there', 'my-own')}", "pip install -e '.[test]'"):
        assert line in said.out
    for file in texts(tmp_path / "there" / "my-own"):
        assert file in said.out
    again = invoke("new", kind, "my-own", "--into", "there")
    assert again.code == 2
    assert "nothing is overwritten" in again.err


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return a project of each kind."""
    into = tmp_path_factory.mktemp("made")
    return [new_project(kind, f"my-{kind}", into)[1] for kind in KINDS]


def test_its_code_passes_our_linter_by_its_own_settings(made: list[Path]) -> None:
    pytest.importorskip("ruff", reason="ruff checks the code")
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    rules = ("--select", ",".join(ours["select"]), "--ignore", ",".join(ours["ignore"]))
    for folder in made:
        _run("ruff", "check", "--no-cache", *rules, ".", cwd=folder)
        _run("ruff", "format", "--no-cache", "--check", ".", cwd=folder)


def test_its_code_and_the_examples_pass_strict_types(made: list[Path]) -> None:
    pytest.importorskip("mypy", reason="mypy checks the types")
    code = [path for folder in (*made, EXAMPLE) for path in sorted(folder.rglob("*.py"))]
    ours = [path for path in code if not path.name.startswith("test_")]
    _run("mypy", "--config-file", ROOT / "pyproject.toml", "--strict", *ours, cwd=ROOT)


def _run(tool: str, *arguments: object, cwd: Path) -> None:
    command = [sys.executable, "-m", tool, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=cwd)
    assert done.returncode == 0, done.stdout + done.stderr
