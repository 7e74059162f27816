"""What the runner itself costs: planning, listing and starting many cells, and a cell's overhead.

    python benchmarks/planning.py
    python benchmarks/planning.py --cells 1000 --keep FOLDER

Planning is timed on an output folder that does not exist, listing on one in which every cell is
done, with and without the index; each in one process that has imported everything already. The
folders are generated with the program's own writers, from one real cell. On a machine that does
other things too, look at the processor's seconds, which are printed last. A cell's overhead is the
difference between cells of one epoch run by the runner and the same training and evaluation done
by the engine alone; about half of it are the waits for the disk that make results durable.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

import torch
from _timing import machine

from mixup_multi.cli.plan import distinct_cells, plan
from mixup_multi.engine import cache, loop
from mixup_multi.engine.evaluate import outputs_of
from mixup_multi.grid.cells.attempt import attempt
from mixup_multi.grid.cells.cell import job_of
from mixup_multi.grid.checks import DataKeys
from mixup_multi.grid.estimate import speeds_of
from mixup_multi.grid.folder import index
from mixup_multi.grid.folder.sealed_json import write_json
from mixup_multi.grid.folder.shelf import Shelf, Site
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.grid.state import counted, states_of
from mixup_multi.recipe.cell import Cell

RECIPE = """\
title: many cells
adapter: tabular
datasets: [sklearn_iris]
models: [mlp]
methods: [erm, mixup, {name: mixup, label: a2, alpha: 0.2}, mixupe, manifold_mixup]
trials: 2000
train: {epochs: 1, batch_size: 32}
"""


class Silent:
    """A listener that says nothing."""

    def cell_starts(self, cell: Cell) -> None:
        """Say nothing."""

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        """Say nothing."""

    def says(self, message: str) -> None:
        """Say nothing."""


def cells_of(recipe: Path, count: int) -> list[Cell]:
    """Return the first `count` cells of the recipe, read anew."""
    return distinct_cells(plan([str(recipe)], []))[:count]


def listed(recipe: Path, site: Site, count: int) -> dict[str, int]:
    """Do what `mixup-multi plan` does, but for the printing."""
    cells = cells_of(recipe, count)
    states = states_of(cells, site.out, DataKeys(Shelf(site)))
    speeds = speeds_of(site.out, states)
    for state in states:
        speeds.estimate(state.cell, 1)
    return {name: n for name, n in counted(states).items() if n}


def verified(recipe: Path, site: Site, count: int) -> dict[str, int]:
    """Do what `mixup-multi run` does before it trains: read every file of every done cell."""
    states = states_of(cells_of(recipe, count), site.out, DataKeys(Shelf(site)), thorough=True)
    return {name: n for name, n in counted(states).items() if n}


def generate(cells: Sequence[Cell], site: Site) -> None:
    """Give every cell a complete folder: the first is run, the others have its numbers."""
    first = CellFolder.of(site.out, cells[0])
    attempt(cells[0], site, Shelf(site), Silent(), retry=False)
    result, made = first.read_json("result") or {}, first.read_json("cell") or {}
    for cell in cells[1:]:
        folder = CellFolder.of(site.out, cell)
        folder.make()
        write_json(folder.path / "result.json", result, durable=False)
        record = {**cell.record(), "data_key": made["data_key"]}
        write_json(folder.path / "cell.json", record, durable=False)
        for name in ("environment.json", "metrics.jsonl", "checkpoint.pt", "outputs.pt"):
            (folder.path / name).hardlink_to(first.path / name)


def seconds(what: Any, *arguments: Any) -> tuple[float, Any]:
    """Return how long a call took, and what it returned with the processor's share of the time."""
    began, busy = time.perf_counter(), time.process_time()
    found = what(*arguments)
    busy = time.process_time() - busy
    return time.perf_counter() - began, f"{found} in {busy:.3f} s of the processor"


def engine_alone(cell: Cell, shelf: Shelf) -> None:
    """Train and evaluate a cell without a runner: nothing is written."""
    data = shelf.get(cell)
    job = job_of(cell, data, shelf.site, CellFolder(Path("unused")))
    job = loop.Job(**{**vars(job), "checkpoint": None})
    state = loop.start(job)
    loop.run(job, state)
    for source in (data.train, data.test):
        outputs_of(state.model, source, 512, job.device, True).error(job.loss_fn)


def overhead(cells: Sequence[Cell], site: Site) -> tuple[list[float], list[float], float]:
    """Return seconds a cell of the runner and of the engine, in turns, and of one wait for disk."""
    shelf = Shelf(site)
    ours, bare = [], []
    for cell in cells:
        engine_alone(cell, shelf)  # loads the data, and warms up
        bare.append(seconds(engine_alone, cell, shelf)[0])
        run = seconds(lambda: attempt(cell, site, shelf, Silent(), retry=False))  # noqa: B023
        update = seconds(index.update, site.out, [cell.folder])
        ours.append(run[0] + update[0])
    probe = site.out / "probe"
    waits = [
        seconds(cache.write_atomically, probe, lambda file: file.write_text("x"))[0]
        for _ in range(20)
    ]
    return ours, bare, median(waits)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=10_000, help="how many are planned")
    parser.add_argument("--keep", type=Path, help="an empty folder to generate in, and leave")
    options = parser.parse_args()
    torch.set_num_threads(1)
    folder = options.keep or Path(tempfile.mkdtemp(prefix="mixup-multi-planning-"))
    recipe = folder / "many.yaml"
    recipe.write_text(RECIPE)
    site = Site(folder / "data", folder / "out", torch.device("cpu"))
    cells = cells_of(recipe, options.cells)
    print(f"{len(cells)} cells; {machine()}")
    print(f"{'what':<42}{'seconds':>8}  budget")
    try:
        show("planning, nothing done", seconds(listed, recipe, site, options.cells), 5.0)
        generate(cells, site)
        show("listing, all done, no index", seconds(listed, recipe, site, options.cells), 5.0)
        show("rebuilding the index", seconds(index.rebuild, site.out))
        show("listing, all done, by the index", seconds(listed, recipe, site, options.cells), 5.0)
        show("reading every file, as run does", seconds(verified, recipe, site, options.cells))
        shutil.rmtree(site.out)
        ours, bare, wait = overhead(cells[:40], site)
        show("a cell's overhead, median of 40", (median(ours) - median(bare), "one process"), 0.05)
        print(f"  {median(ours) * 1000:.1f} ms with the runner, {median(bare) * 1000:.1f} without;")
        print(f"  one durable file takes {wait * 1000:.1f} ms here, and a cell waits for 2")
    finally:
        if options.keep is None:
            shutil.rmtree(folder)


def show(what: str, timed: tuple[float, Any], budget: float | None = None) -> None:
    """Print a line."""
    verdict = "" if budget is None else f"{budget:g} {'kept' if timed[0] < budget else 'MISSED'}"
    print(f"{what:<42}{timed[0]:>8.3f}  {verdict:<10}  {timed[1]}")


if __name__ == "__main__":
    main()
