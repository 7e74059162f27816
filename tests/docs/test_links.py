"""Links between files, which Sphinx sees only in its own pages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from documents import name_of, pages

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)\s#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", pages(), ids=name_of)
def test_a_link_leads_to_a_file(page: Path) -> None:
    without_code = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    for target in LINK.findall(without_code):
        assert (page.parent / target).exists(), f"{name_of(page)} links to {target}"
