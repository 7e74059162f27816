"""CITATION.cff is valid (CFF 1.2.0, the keys that we use) and of this version."""

from __future__ import annotations

import re

import pytest
from documents import ROOT
from ruamel.yaml import YAML

import mixup_multi

CFF = YAML(typ="safe").load((ROOT / "CITATION.cff").read_text())
REQUIRED = {"cff-version", "message", "title", "authors"}
KNOWN = REQUIRED | {"abstract", "keywords", "license", "references", "type", "version"}
REFERENCE = {"type", "title", "year", "authors"}
OF_REFERENCES = REFERENCE | {"collection-title", "doi", "identifiers", "journal"}


def test_its_keys_are_those_of_the_format() -> None:
    assert REQUIRED <= CFF.keys() <= KNOWN
    assert CFF["cff-version"] == "1.2.0"
    assert CFF["type"] == "software"


def test_it_is_of_this_version_and_licence() -> None:
    assert CFF["version"] == mixup_multi.__version__
    assert (ROOT / "LICENSE").read_text().startswith(CFF["license"])


def test_its_author_is_the_package_s() -> None:
    assert CFF["authors"] == [{"name": "The mixup-multi developers"}]


@pytest.mark.parametrize("paper", CFF["references"], ids=lambda paper: paper["title"][:30])
def test_a_paper_can_be_cited(paper: dict[str, object]) -> None:
    assert REFERENCE <= paper.keys() <= OF_REFERENCES
    assert paper["type"] in ("article", "conference-paper")
    assert isinstance(paper["year"], int)
    for author in paper["authors"]:  # type: ignore[attr-defined]
        assert author.keys() == {"family-names", "given-names"}
    for one in paper.get("identifiers", ()):  # type: ignore[attr-defined]
        assert re.fullmatch(r"arXiv:\d{4}\.\d{4,5}", one["value"])
