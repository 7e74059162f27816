"""The generated pages leave nothing out that recipes or the command line know."""

from __future__ import annotations

import pytest
import typer
from documents import DOCS, pages
from generated import MARK, filled
from generated.command_line import commands

from mixup_multi import door
from mixup_multi.cli.app import app
from mixup_multi.engine.settings import Schedule, Train
from mixup_multi.recipe.load import shipped_recipes
from mixup_multi.recipe.schema import Matrix, Range, Recipe, Search

REFERENCE = DOCS / "reference"
SECTIONS = (Recipe, Matrix, Train, Schedule, Search, Range)


def test_every_command_and_option_is_there() -> None:
    text = commands("")
    groups = [("mixup-multi", typer.main.get_command(app))]
    for path, group in groups:
        for name, command in group.commands.items():
            if hasattr(command, "commands"):
                groups.append((f"{path} {name}", command))
            section = text.partition(f"## `{path} {name}`\n")[2].partition("\n## ")[0]
            assert section
            for one in command.params:
                assert one.param_type_name == "argument" or one.opts[0] in section


@pytest.mark.parametrize("group", [*door.MADE])
def test_every_member_and_setting_is_there(group: str) -> None:
    page = group.rpartition(".")[2].replace("objectives", "methods")
    text = filled((REFERENCE / f"{page}.md").read_text())
    for name in door.names(group):
        section = text.partition(f"\n## `{name}`\n")[2].partition("\n## ")[0]
        for key in door.settings_of(door.load_maker(group, name)):
            assert f"\n| `{key}` |" in section, f"{name}: {key}"


@pytest.mark.parametrize("name", door.names(door.ADAPTERS))
def test_every_data_set_and_model_is_there(name: str) -> None:
    adapter = door.load_adapter(name)
    text = filled((REFERENCE / "adapters" / f"{name}.md").read_text())
    for one, maker in [*adapter.datasets.items(), *adapter.models.items()]:
        section = text.partition(f"\n### `{one}`\n")[2].partition("\n### ")[0]
        for key in door.settings_of(getattr(maker, "load", maker)):
            assert f"\n| `{key}` |" in section, f"{one}: {key}"


@pytest.mark.parametrize("section", SECTIONS, ids=lambda one: one.__name__)
def test_every_key_of_recipes_is_there(section: type) -> None:
    text = filled((REFERENCE / "recipe.md").read_text())
    part = text.partition(f"`{section.__name__}`\n")[2].partition("\n## ")[0]
    for key in section.model_fields:  # type: ignore[attr-defined]
        assert f"\n| `{key}` |" in part


def test_every_shipped_recipe_is_there() -> None:
    text = filled((REFERENCE / "recipes.md").read_text())
    for name in shipped_recipes():
        assert f"\n| `{name}` |" in text


def test_no_mark_is_left() -> None:
    for page in pages():
        assert not MARK.search(filled(page.read_text()))
        assert "<!-- generated" not in MARK.sub("", page.read_text()), page
