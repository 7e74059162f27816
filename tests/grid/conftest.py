"""Small grids that run in this process, and a watcher that remembers."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import torch

from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.run import run_cells
from mixup_multi.recipe.cell import Cell
from mixup_multi.recipe.expand import cells_of
from mixup_multi.recipe.schema import Recipe

SMALL: dict[str, Any] = {
    "adapter": "tabular",
    "datasets": ["sklearn_iris"],
    "models": [{"name": "mlp", "widths": [16]}],
    "methods": ["erm", {"name": "mixupe", "alpha": 0.4, "eta": 0.3}],
    "trials": 2,
    "train": {"epochs": 3, "batch_size": 32, "checkpoint_seconds": 0.0},
}

STRANGE = """
import os, signal
from dataclasses import replace
from multiprocessing import current_process

from mixup_multi.engine.source import Dataset
from mixup_multi_adapters.tabular import TabularAdapter

ours = TabularAdapter()

def load(root, trial):
    "Iris, whose content key is what a file says."
    data = ours.datasets["sklearn_iris"].load(root, trial)
    return replace(data, key=(root / "key").read_text()) if (root / "key").exists() else data

def net(data):
    return ours.models["mlp"](data, widths=(16,))

def failing(data):
    raise ValueError("a model of a stranger")

def hungry(data):
    raise MemoryError("no room")

def aloof(data):
    if current_process().name == "rank 1":
        raise ValueError("not with the others")
    return net(data)

def deadly(data):
    if os.getpid() != {driver}:
        os.kill(os.getpid(), signal.SIGKILL)
    return net(data)

class Adapter:
    datasets = {"iris": Dataset("strange iris", load)}
    models = {"net": net, "failing": failing, "hungry": hungry, "deadly": deadly,
              "aloof": aloof}
"""


@dataclass
class Memory:
    """A watcher that remembers what it was told."""

    started: list[str] = field(default_factory=list)
    ended: dict[str, bool] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)
    epochs: int = 0
    on_epoch: Callable[[Cell], object] = lambda cell: None

    def cell_starts(self, cell: Cell) -> None:
        self.started.append(cell.key)

    def epoch_ends(self, cell: Cell, record: dict[str, float]) -> None:
        self.epochs += 1
        self.on_epoch(cell)

    def cell_ends(self, cell: Cell, result: dict[str, Any], *, fresh: bool) -> None:
        self.ended[cell.key] = fresh

    def cell_fails(self, cell: Cell, message: str, *, fresh: bool) -> None:
        self.failed[cell.key] = message

    def says(self, message: str) -> None:
        self.said.append(message)


@dataclass
class Grid:
    """A plan with its output folder."""

    cells: list[Cell]
    site: Site

    def run(self, memory: Memory | None = None, **options: Any) -> Memory:
        """Run it, and return what was told."""
        memory = memory or Memory()
        run_cells(self.cells, self.site, memory, **options)
        return memory

    def folder(self, number: int = 0) -> Path:
        """Return the folder of a cell."""
        return self.site.out / "cells" / self.cells[number].folder

    def same_bits(self, other: Grid) -> bool:
        """Return whether two output folders hold the same cells with equal logits."""
        first, second = self.logits(), other.logits()
        return first.keys() == second.keys() and all(
            torch.equal(first[name], second[name]) for name in first
        )

    def logits(self) -> dict[str, torch.Tensor]:
        """Return the test logits of every cell that has a result."""
        done = sorted((self.site.out / "cells").glob("*/result.json"))
        return {
            path.parent.name: torch.load(path.parent / "outputs.pt", weights_only=True)["test"][
                "logits"
            ]
            for path in done
        }


def make(out: Path, **changes: Any) -> Grid:
    """Return the small grid with changed keys, to run below `out`; `train` is merged."""
    top = {"title": "small", "columns": changes.pop("columns", "method")}
    train = {**SMALL["train"], **changes.pop("train", {})}
    part = {**SMALL, **changes, "train": train}
    recipe = Recipe.model_validate_json(json.dumps({**top, "parts": [part]}))
    return Grid(cells_of(recipe), Site(out / "data", out, torch.device("cpu")))


@pytest.fixture
def make_grid() -> Callable[..., Grid]:
    """`make_grid(out, **changes)`: the small grid with changed keys of its recipe."""
    return make


@pytest.fixture
def grid(tmp_path: Path) -> Grid:
    """A grid of four cells of three epochs, nothing of it run."""
    return make(tmp_path / "out")


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Grid:
    """The same grid, run without interruption; not to be changed."""
    made = make(tmp_path_factory.mktemp("whole"))
    made.run()
    return made


@pytest.fixture
def strange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make_grid: Callable[..., Grid]
) -> Callable[..., Grid]:
    """`strange(*models)`: the small grid with a stranger's adapter, which may misbehave."""
    (tmp_path / "stranger.py").write_text(STRANGE.replace("{driver}", str(os.getpid())))
    monkeypatch.syspath_prepend(str(tmp_path))
    sys.modules.pop("stranger", None)

    def made(*models: str, **changes: Any) -> Grid:
        names = {"adapter": "stranger:Adapter", "datasets": ["iris"], "models": list(models)}
        return make_grid(tmp_path / "out", **{**names, "methods": ["erm"], "trials": 1, **changes})

    return made


@pytest.fixture
def remember() -> type[Memory]:
    """The watcher that remembers, to be made with an `on_epoch`."""
    return Memory
