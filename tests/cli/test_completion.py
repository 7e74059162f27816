"""Completion, asked as shells ask: by environment variables, and by a real bash where there is."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mixup_multi import door
from mixup_multi.cli.completion_bash import join
from mixup_multi.cli.listing import LISTS
from mixup_multi.recipe.shipped import shipped_evaluations, shipped_recipes

WITHOUT_TORCH = """\
import sys
sys.argv = ["mixup-multi"]
from mixup_multi.cli import main
try:
    main()
finally:
    heavy = {"torch", "numpy", "rich.markdown"} & set(sys.modules)
    assert not heavy, heavy
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to complete in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def completed(line: str, *, light: bool = True) -> list[str]:
    """Return what bash is offered for the last word of a line."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "_MIXUP_MULTI_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
    }
    command = [sys.executable, *(("-c", WITHOUT_TORCH) if light else ("-m", "mixup_multi"))]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.stderr == ""
    return done.stdout.splitlines()


def test_commands_and_options(home: Path) -> None:
    assert completed("mixup-multi ru") == ["run"]
    assert completed("mixup-multi data f") == ["fetch"]
    assert completed("mixup-multi run --sk") == ["--skip-missing"]
    assert completed("mixup-multi run quickstart --retry ") == ["failed"]
    assert completed("mixup-multi run quickstart --tracker ") == ["mlflow", "tensorboard"]
    assert completed("mixup-multi run quickstart --device c") == ["cpu", "cuda"]


def test_recipes_shipped_and_here(home: Path) -> None:
    assert completed("mixup-multi run ") == sorted(shipped_recipes())
    for name in ("mine.yaml", "mine.txt"):
        (home / name).touch()
    shipped = [name for name in shipped_recipes() if name.startswith("mi")]
    assert completed("mixup-multi plan quickstart mi") == sorted(["mine.yaml", *shipped])
    assert completed("mixup-multi run folder/") == []  # the shell completes files by itself
    assert set(completed("mixup-multi evaluate out --with ")) >= set(shipped_evaluations())


def test_lists(home: Path) -> None:
    assert completed("mixup-multi list ") == sorted(LISTS)


def test_output_folders(home: Path) -> None:
    for name in ("runs/first/cells", "runs/theory/analyses", "other/cells", "nothing"):
        (home / name).mkdir(parents=True)
    assert completed("mixup-multi report ") == ["other", "runs/first", "runs/theory"]
    assert completed("mixup-multi report runs/f") == ["runs/first"]


def test_data_sets_are_asked_of_the_adapters_once(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MIXUP_MULTI_CACHE", str(home / "cache"))
    first = completed("mixup-multi data verify images/d", light=False)
    assert first == ["images/digits"]
    assert completed("mixup-multi data verify images/d") == first  # without torch
    remembered = home / "cache" / "completion.json"
    found = json.loads(remembered.read_text())
    for adapter in door.names(door.ADAPTERS):
        assert set(door.load_adapter(adapter).datasets) <= set(found["datasets"])
    remembered.write_text(json.dumps({**found, "of": ["another version"], "datasets": ["gone"]}))
    assert completed("mixup-multi data verify gon", light=False) == []
    remembered.write_text("{")
    assert completed("mixup-multi data verify images/d", light=False) == first


def test_keys_values_and_methods_after_set(home: Path) -> None:
    completed("mixup-multi run quickstart --set tri", light=False)  # from here on remembered
    start = "mixup-multi run quickstart --set "
    assert completed(f"{start}train.ep") == ["train.epochs="]
    assert completed(f"{start}train.precision=bf") == ["train.precision=bf16-mixed"]
    assert completed(f"{start}methods=[erm,mixupe_") == [
        "methods=[erm,mixupe_exact",
        "methods=[erm,mixupe_released",
    ]


def test_words_that_bash_parts_at_an_equals_sign_are_joined() -> None:
    words = ["mixup-multi", "run", "--set", "a", "=", "1", "--set", "train.precision", "=", "bf"]
    joined = ["mixup-multi", "run", "--set", "a=1", "--set", "train.precision=bf"]
    assert join(words, 9) == (joined, 5, "train.precision=")
    assert join(words[:-1], 8) == ([*joined[:-1], "train.precision="], 5, "train.precision=")
    assert join(["mixup-multi", "ru"], 1) == (["mixup-multi", "ru"], 1, "")
    assert join(["mixup-multi"], 1) == (["mixup-multi", ""], 1, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_ask_in_their_way(home: Path, shell: str) -> None:
    environment = {
        **os.environ,
        "_MIXUP_MULTI_COMPLETE": f"complete_{shell}",
        "_TYPER_COMPLETE_ARGS": "mixup-multi list me",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
    }
    command = [sys.executable, "-m", "mixup_multi"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert "methods" in done.stdout
    assert "models" not in done.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_shell_has_a_script(shell: str) -> None:
    environment = {**os.environ, "_MIXUP_MULTI_COMPLETE": f"source_{shell}"}
    command = [sys.executable, "-m", "mixup_multi"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0
    assert f"_MIXUP_MULTI_COMPLETE=complete_{shell}" in done.stdout
    assert "mixup-multi" in done.stdout


BASH = """\
eval "$(_MIXUP_MULTI_COMPLETE=source_bash mixup-multi)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
_mixup_multi_completion mixup-multi
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_in_a_real_bash(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (home / "bin").mkdir()
    program = home / "bin" / "mixup-multi"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m mixup_multi "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{home / 'bin'}{os.pathsep}{os.environ['PATH']}")

    def offered(*words: str) -> list[str]:
        command = ["bash", "-c", BASH, "bash", *words]
        return subprocess.run(command, capture_output=True, text=True).stdout.splitlines()

    assert offered("mixup-multi", "run", "quickst") == ["quickstart"]
    start = ("mixup-multi", "run", "quickstart", "--set")
    assert offered(*start, "train.precision", "=", "bf") == ["bf16-mixed"]
    assert offered(*start, "methods", "=", "[erm,mixupe_e") == ["[erm,mixupe_exact"]
