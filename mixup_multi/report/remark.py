"""A remark: what a reader has to know before any number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mixup_multi.report.group import Group


@dataclass(frozen=True)
class Remark:
    """A remark: a `problem` (something is wrong or absent) or a `condition` to know."""

    kind: str
    text: str
    details: tuple[str, ...] = ()


def counted(n: int, what: str) -> str:
    """Return `1 cell`, `2 cells`."""
    return f"{n:,} {what}" if n == 1 else f"{n:,} {what}s"


def columns_of(groups: Sequence[Group]) -> str:
    """Return what the columns of tables are, to begin a sentence: "Methods", or "Systems"."""
    return " and ".join(dict.fromkeys(group.layout.many for group in groups)).capitalize()
