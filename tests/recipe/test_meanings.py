"""Every setting says what it means: once, in a docstring, for editors and for the documentation."""

from __future__ import annotations

import pytest

from mixup_multi import door
from mixup_multi.cli.schema import SECTIONS, recipe_schema
from mixup_multi.recipe.meanings import meanings, said_in

MADE = [(group, name) for group in door.MADE for name in door.names(group)]
ADAPTERS = door.names(door.ADAPTERS)


def _unsaid(maker: object) -> list[str]:
    return [key for key in door.settings_of(maker) if not meanings(maker).get(key)]


def test_entries_of_a_docstring_are_read_to_their_ends() -> None:
    text = """A thing.

    Args:
        one, two: of a kind,
            over two lines.
        three: 0 to 1.

    Raises:
        four: is none.
    """
    assert said_in(text) == {
        "one": "of a kind, over two lines.",
        "two": "of a kind, over two lines.",
        "three": "0 to 1.",
    }


@pytest.mark.parametrize(("group", "name"), MADE)
def test_a_member_says_what_its_settings_mean(group: str, name: str) -> None:
    assert not _unsaid(door.load_maker(group, name))


@pytest.mark.parametrize("name", ADAPTERS)
def test_an_adapter_says_what_its_settings_mean(name: str) -> None:
    adapter = door.load_adapter(name)
    for one, dataset in adapter.datasets.items():
        assert not _unsaid(dataset.load), one
    for one, maker in adapter.models.items():
        assert not _unsaid(maker), one


def test_the_schema_for_editors_says_what_keys_mean() -> None:
    schema = recipe_schema()
    sections = [schema["$defs"][one.__name__] for one in SECTIONS]
    for section in [schema, *sections]:
        silent = [key for key, one in section["properties"].items() if "description" not in one]
        assert not silent
