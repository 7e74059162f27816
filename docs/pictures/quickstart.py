"""Draw the README's picture: the table at the end of the quickstart, as the terminal shows it.

mixup-multi run quickstart --out runs/quickstart
python docs/pictures/quickstart.py runs/quickstart
"""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from mixup_multi.cli.plan import plan
from mixup_multi.cli.results import print_results
from mixup_multi.grid.folder.store import CellFolder


def main(out: Path) -> None:
    """Write quickstart.svg beside this file from the finished cells in `out`."""
    (planned,) = plan(["quickstart"], [])
    found = {cell.key: CellFolder.of(out, cell).read_json("result") for cell in planned.cells}
    results = {key: result for key, result in found.items() if result is not None}
    console = Console(record=True, width=92, force_terminal=True)
    print_results(console, planned.recipe, planned.cells, results, out)
    picture = Path(__file__).with_suffix(".svg")
    console.save_svg(str(picture), title="mixup-multi run quickstart")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
