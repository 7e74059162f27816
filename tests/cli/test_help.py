"""Every command's page: usage, examples that hold, grouped options, exit codes."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from command_line import invoke

from mixup_multi.cli.app import app
from mixup_multi.recipe.shipped import shipped_evaluations, shipped_recipes


def commands(group: Any, *names: str) -> Iterator[tuple[str, ...]]:
    yield names
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, *names, name)


ALL = list(commands(typer.main.get_command(app)))


def examples(page: str) -> list[str]:
    """Return the command lines of a page, without what a shell does with their output."""
    lines = [line.strip().partition(" > ")[0] for line in page.splitlines()]
    return [line for line in lines if line.startswith("mixup-multi ")]


@pytest.mark.parametrize("names", ALL, ids=" ".join)
def test_a_page_has_all_its_parts_and_its_examples_can_be_typed(names: tuple[str, ...]) -> None:
    page = invoke(*names, "--help")
    assert page.code == 0
    assert page.out.strip() == invoke(*names, "-h").out.strip()
    assert page.out.strip() == invoke("help", *names).out.strip()
    assert page.out.startswith(f"Usage: {' '.join(['mixup-multi', *names])} [OPTIONS]")
    assert "Exit codes" in page.out
    assert examples(page.out)
    for line in examples(page.out):
        _, *words = shlex.split(line)
        root = typer.main.get_command(app)
        context = root.make_context("mixup-multi", list(words))
        command, name = root, "mixup-multi"
        while hasattr(command, "commands"):
            name, command, words = command.resolve_command(context, words)
            assert command is not None
            context = command.make_context(name, list(words), parent=context)
        for recipe in context.params.get("recipes") or ():
            known = recipe in shipped_recipes() or recipe in ("mine.yaml",)
            assert known or recipe.startswith("recipes/")
        if "with_" in context.params and not context.params["with_"].endswith(".yaml"):
            assert context.params["with_"] in {**shipped_evaluations(), **shipped_recipes()}


def test_long_lists_of_options_are_in_groups() -> None:
    page = invoke("run", "--help").out
    for title in ("Arguments", "Options", "What is run", "Where it runs", "What is printed"):
        assert f"\n{title}\n" in page


def test_lines_of_examples_are_not_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("command_line.WIDE", {"COLUMNS": "40"})
    page = invoke("run", "--help").out
    assert "  mixup-multi run tabular_uci --out /shared/runs --ray head:6379\n" in page
    assert all(len(line) <= 40 for line in page.splitlines() if "mixup-multi" not in line)


def test_without_a_command_the_page_is_printed_and_nothing_was_done() -> None:
    for words in ([], ["data"]):
        done = invoke(*words)
        assert done.code == 2
        assert done.out.startswith("Usage: mixup-multi")
