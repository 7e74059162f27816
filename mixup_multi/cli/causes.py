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
        found: for each message, without the cell's own folder, the failures by their number.
    """

    out: Path
    found: dict[str, dict[int, Asked]] = field(default_factory=dict)

    def is_new(self, asked: Asked, number: int) -> bool:
        """Remember a failure, and return whether it is the first of its cause."""
        folder = CellFolder.of(self.out, asked.cell).path
        alike = self.found.setdefault(asked.message.replace(str(folder), "its folder"), {})
        alike[number] = asked
        return len(alike) == 1

    @property
    def number(self) -> int:
        """Return how many evaluations failed."""
        return sum(map(len, self.found.values()))

    def repeated(self) -> Iterator[str]:
        """Yield a line for each cause that several evaluations had: how many, and of which cells.

        The cause itself was told with the first of them.
        """
        for alike in self.found.values():
            if len(alike) > 1:
                titles = {asked.cell.key: asked.cell.title for asked in alike.values()}
                places = "; ".join(by_place(titles.values()))
                yield f"{len(alike):,} evaluations alike, the first is [{min(alike)}]; {places}"
