"""No block of a page escapes the tests: every language is one that is looked at, or plain text."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest
from documents import Fence, all_fences, fences, name_of, pages
from ruamel.yaml import YAML

RUN = {"python", "bash", "yaml"}
PARSED = {"json", "toml"}
SHOWN = {"text", "bibtex"}
DIRECTIVES = {
    *("{toctree}", "{include}", "{literalinclude}", "{eval-rst}", "{math}", "{contents}"),
    *("{note}", "{tip}", "{warning}", "{important}", "{seealso}", "{admonition}", "{dropdown}"),
    *("{figure}", "{image}", "{list-table}", "{grid}", "{tab-set}", "{only}", "{code-block}"),
}
INCLUDING = {"{include}", "{literalinclude}", "{figure}", "{image}"}


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_every_block_is_of_a_known_kind(page: Path) -> None:
    known = RUN | PARSED | SHOWN | DIRECTIVES
    for fence in fences(page):
        assert fence.language in known, f"{fence}: {fence.language!r} is no kind of block"


def test_no_directive_hides_code_from_the_tests() -> None:
    hidden = [f for f in all_fences("{code-block}") if f.argument in RUN]
    assert not hidden, f"write ```{hidden[0].argument} instead: {hidden[0]}"


@pytest.mark.parametrize("fence", all_fences(*INCLUDING), ids=str)
def test_an_included_file_exists(fence: Fence) -> None:
    assert (fence.page.parent / fence.argument).is_file()


@pytest.mark.parametrize("fence", all_fences(*PARSED, "yaml"), ids=str)
def test_data_can_be_read(fence: Fence) -> None:
    readers = {"json": json.loads, "toml": tomllib.loads, "yaml": YAML(typ="safe").load}
    assert readers[fence.language](fence.text) is not None
