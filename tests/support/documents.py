"""The documentation's pages, and what stands between fences in them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,})(?P<info>[^`\n]*)$")


@dataclass(frozen=True)
class Fence:
    """A fenced block: its language or `{directive}`, what follows that, and its text."""

    page: Path
    line: int
    language: str
    argument: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def pages() -> list[Path]:
    """Return every Markdown page that a reader meets; pages of reports are made by commands."""
    made = [DOCS / "_build", *DOCS.glob("results/*/")]
    written = (page for page in DOCS.rglob("*.md") if not set(made) & set(page.parents))
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted(written)]


def name_of(page: Path) -> str:
    """Return a page's path from the root, for the names of tests."""
    return str(page.relative_to(ROOT))


def fences(page: Path) -> Iterator[Fence]:
    """Yield a page's fenced blocks.

    Raises:
        ValueError: one is not closed.
    """
    opened: tuple[int, str, str] | None = None
    lines: list[str] = []
    for number, line in enumerate(page.read_text().splitlines(), 1):
        found = _FENCE.match(line)
        if opened is None:
            if found:
                opened, lines = (number, found["indent"], found["ticks"] + found["info"]), []
        elif found and not found["info"].strip() and opened[2].startswith(found["ticks"]):
            start, indent, head = opened
            language, _, argument = head.lstrip("`~").strip().partition(" ")
            text = "\n".join(one.removeprefix(indent) for one in lines) + "\n"
            yield Fence(page, start, language, argument.strip(), text)
            opened = None
        else:
            lines.append(line)
    if opened is not None:
        raise ValueError(f"{page}:{opened[0]}: this fence is not closed")


def all_fences(*languages: str) -> list[Fence]:
    """Return the blocks of all pages in some languages; all of them where none is named."""
    found = [fence for page in pages() for fence in fences(page)]
    return [fence for fence in found if not languages or fence.language in languages]
