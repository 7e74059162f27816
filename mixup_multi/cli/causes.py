"""Failed evaluations by their cause: what fails alike for many cells is told once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from mixup_multi.grid.evaluate import Asked
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.report.recipes import by_place


@dataclass
class Causes:
    """What failed, by why.

    Attributes:
        out: the output folder.
        found: failures by their message without the cell's own folder.
    """

    out: Path
    found: dict[str, list[Asked]] = field(default_factory=dict)

    def is_new(self, asked: Asked) -> bool:
        """Remember a failure, and return whether it is the first of its cause."""
        folder = CellFolder.of(self.out, asked.cell).path
        alike = self.found.setdefault(asked.message.replace(str(folder), "its folder"), [])
        alike.append(asked)
        return len(alike) == 1

    @property
    def number(self) -> int:
        """Return how many evaluations failed."""
        return sum(map(len, self.found.values()))

    def repeated(self) -> Iterator[str]:
        """Yield a line for each cause that several evaluations had, with how many of where."""
        for cause, alike in self.found.items():
            if len(alike) > 1:
                titles = {asked.cell.key: asked.cell.title for asked in alike}
                places = "; ".join(by_place(titles.values()))
                yield f"{len(alike):,} evaluations in all, of {places}: {cause}"
