"""Every Python block of a page runs, in order, in one namespace."""

from __future__ import annotations

from pathlib import Path

import pytest
from documents import fences, name_of, pages
from sybil import Sybil
from sybil.parsers.myst import PythonCodeBlockParser

WITH_CODE = [page for page in pages() if any(f.language == "python" for f in fences(page))]


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_a_page_runs(page: Path, undisturbed: Path) -> None:
    document = Sybil(parsers=[PythonCodeBlockParser()], path=str(page.parent)).parse(page)
    examples = list(document.examples())
    assert len(examples) == sum(fence.language == "python" for fence in fences(page))
    for example in examples:
        example.evaluate()
