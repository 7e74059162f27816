"""Every command of a page is one: its options exist, and so do the names that it is given."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from documents import ROOT, Fence, all_fences
from generated.command_line import commands as reference

from mixup_multi import door
from mixup_multi.cli.app import app
from mixup_multi.cli.listing import LISTS
from mixup_multi.cli.plan import plan
from mixup_multi.recipe.load import load_recipe, shipped_evaluations, shipped_recipes

WHOLE = typer.main.get_command(app)
OTHERS = {"python", "python3", "pip", "pytest", "ruff", "mypy", "cd", "mkdir", "cp", "cat", "git"}
OTHERS |= {"export", "sphinx-build", "kill", "ssh", "rsync", "ray", "sbatch", "tensorboard", "less"}
OTHERS |= {"mlflow", "sqlite3", "jq", "head", "ls", "echo", "unzip", "source", "tar", "scp"}


def commands(text: str) -> Iterator[list[str]]:
    """Yield the words of each simple command of a shell text."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        words = list(shlex.shlex(line, posix=True, punctuation_chars="&|;<>"))
        words = shlex.split(line, comments=True) if not set(words) & {"&&", "|", ";"} else words
        command: list[str] = []
        for word in [*words, ";"]:
            if word in ("&&", "||", "|", ";", "&"):
                if command:
                    yield command
                command = []
            else:
                command.append(word)


def read(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Return which command of ours the words are, and its arguments, without running it.

    Raises:
        Exception: the command line does not know it, or an option, or lacks an argument.
    """
    words = words[: words.index(">")] if ">" in words else words
    if "--help" in words or "-h" in words or words[0].startswith("--"):
        return _whole(words)
    group, path = WHOLE, []
    while hasattr(group, "commands"):
        name, *words = words
        group = group.commands[name]
        path.append(name)
    parsed = group.make_context(" ".join(path), list(words))
    return " ".join(path), parsed.params


def _whole(words: list[str]) -> tuple[str, dict[str, Any]]:
    """Check options that stand before a command, and the command whose page is asked for."""
    known = {option for one in WHOLE.params for option in one.opts} | {"--help", "-h"}
    while words and words[0].startswith("-"):
        assert words[0] in known, f"mixup-multi has no option {words[0]}"
        words = words[1:]
    if not words or words[-1] not in ("--help", "-h"):
        return read(words) if words else ("", {})
    group: Any = WHOLE
    for name in words[:-1]:
        group = group.commands[name]
    return "", {}


def check_names(command: str, given: dict[str, Any]) -> None:
    """Assert that the recipes, lists and data sets that a command names exist."""
    if "recipes" in given:
        for name in given["recipes"]:
            check_recipe(name, list(given.get("set_") or []))
        if given.get("only"):
            plan(given["recipes"], list(given.get("set_") or []), given["only"])
    if command == "evaluate" and not str(given["with_"]).endswith(".yaml"):
        assert given["with_"] in shipped_evaluations()
    if command == "list" and given["what"]:
        assert given["what"] in LISTS
    if command in ("data fetch", "data verify"):
        for name in given["names"]:
            assert name in {*dataset_names(), *shipped_recipes()}, name


def check_recipe(name: str, assignments: list[str]) -> None:
    path = Path(name)
    if path.suffix == ".yaml" and path.parts[0] != "recipes":
        return  # the reader's own
    shipped = str(ROOT / path) if path.suffix else name
    whole = [one for one in assignments if "..." not in one]  # what stands for more
    load_recipe(shipped, whole)


def dataset_names() -> set[str]:
    adapters = map(door.load_adapter, door.names(door.ADAPTERS))
    return {name for adapter in adapters for name in adapter.datasets}


@pytest.mark.parametrize("fence", all_fences("bash"), ids=str)
def test_commands_exist(fence: Fence) -> None:
    for words in commands(fence.text):
        while re.fullmatch(r"[A-Z_]+=\S*", words[0]):  # a variable for the command
            words = words[1:]
        program = Path(words[0]).name
        if program == "mixup-multi":
            check_names(*read(words[1:]))
        elif words[0].startswith((".ci/", "docs/")):
            assert (ROOT / words[0]).exists(), words[0]
        else:
            assert program in OTHERS, f"{fence}: {program!r}"
        for word in words[1:]:
            if word.endswith(".py") and not word.startswith(("~", "/", "my")):
                assert (ROOT / word).is_file(), f"{fence}: there is no {word}"


def test_the_examples_in_the_help_exist() -> None:
    text = reference("")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    assert len(blocks) >= 6
    for block in blocks:
        for words in commands(block):
            assert words[0] == "mixup-multi"
            check_names(*read(words[1:]))


def test_a_misspelt_option_would_be_found() -> None:
    with pytest.raises(Exception, match="--oot"):
        read(["run", "quickstart", "--oot", "x"])
    with pytest.raises(KeyError):
        read(["rnu", "quickstart"])
