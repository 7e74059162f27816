"""Output folders made by hand, so that every number of a report is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch

from mixup_multi.engine.sealed import save_sealed
from mixup_multi.grid.folder.sealed_json import write_json
from mixup_multi.grid.folder.store import CellFolder
from mixup_multi.report.build import build_report
from mixup_multi.report.cells import title_of
from mixup_multi.report.page import page

ENVIRONMENT = {
    "python": "3.11.7",
    "platform": "Linux",
    "packages": {"torch": "2.11.0"},
    "commit": "0123456789ab",
    "device": "cpu",
    "device_name": "a processor",
    "cpu_count": 2,
    "torch_threads": 1,
}
METHODS = {
    "ERM": {"name": "erm", "settings": {"loss": None}},
    "Mixup": {"name": "mixup", "settings": {"alpha": 0.4}},
    "MixupE": {"name": "mixupe", "settings": {"alpha": 0.4, "eta": 1.0}},
}


def record_of(dataset: str, method: str, seed: int, **changes: Any) -> dict[str, Any]:
    """Return a cell.json."""
    train = {"epochs": 2, "lr": 0.001, "track_test": False, "checkpoint_seconds": 60.0}
    record = {
        "adapter": "tabular",
        "dataset": {"name": "table", "label": dataset, "settings": {}},
        "model": {"name": "mlp", "label": "MLP", "settings": {"widths": [8]}},
        "method": {**METHODS[method], "label": method, **changes.pop("method_changes", {})},
        "erm_epochs": 0,
        "train": {**train, **changes.pop("train", {})},
        "trial": seed,
        "seed": seed,
        "fold": None,
        "folds": None,
        "paper": "mixupe_tabular",
        **changes,
    }
    key = hashlib.sha256(json.dumps(record).encode()).hexdigest()[:12]
    return {**record, "key": key}


def result_of(error: float, **changes: Any) -> dict[str, Any]:
    """Return a result.json."""
    numbers = {"test_error": error, "test_loss": error / 50, "test_rows": 20, "train_rows": 80}
    place = {"selection": "last epoch", "epochs": 2, "seconds": 0.5, "parameters": 99}
    memory = {"peak_memory_bytes": 3 * 2**20, "peak_memory_of": "memory, since the cell began"}
    return {
        **place,
        **numbers,
        **memory,
        "data": "table",
        "data_key": "k",
        "classes": 2,
        "class_names": ["no", "yes"],
        "notes": [],
        **changes,
    }


class Folder:
    """An output folder to which cells are added."""

    record = staticmethod(record_of)
    result = staticmethod(result_of)

    def __init__(self, path: Path) -> None:
        self.path = path
        (path / "cells").mkdir(parents=True)
        self.count = 0

    def add(
        self,
        record: Mapping[str, Any],
        done: Mapping[str, Any] | None,
        *,
        damaged: str = "",
        **more: Any,
    ) -> None:
        """Add a cell, finished if `done`; of `more` become JSON files, of `damaged` a result."""
        self.count += 1
        cell = self.path / "cells" / f"cell-{self.count:03d}"
        cell.mkdir()
        store = CellFolder(cell)
        store.write_json("cell", record)
        store.write_json("environment", ENVIRONMENT)
        lines = [{"epoch": e, "train_loss": 1 / e, "train_error": 50 / e} for e in (1.0, 2.0)]
        (cell / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
        if done is not None:
            store.write_json("result", done)
            self._outputs(cell, done, record["seed"])
        for name, content in more.items():
            store.write_json(name, content)
        if damaged:
            (cell / "result.json").write_text(damaged)

    def _outputs(self, cell: Path, result: Mapping[str, Any], seed: int) -> None:
        """Write 20 rows of two classes of which as many are wrong as the error says."""
        wrong = round(result["test_error"] / 100 * 20)
        labels = torch.arange(20) % 2
        said = torch.where(torch.arange(20) < wrong, 1 - labels, labels)
        targets = torch.nn.functional.one_hot(labels, 2).float()
        logits = 2 * torch.nn.functional.one_hot(said, 2).float()
        ids = [f"row{(i + seed) % 100}" for i in range(20)]
        test = {"logits": logits, "targets": targets, "ids": ids}
        save_sealed({"test": test}, cell / "outputs.pt")

    def ask(self, cells: Mapping[str, str], **changes: Any) -> Folder:
        """Keep a recipe that planned these cells."""
        (self.path / "recipes").mkdir(exist_ok=True)
        asked = {
            "name": "tables",
            "title": "Three tables",
            "source": "MixupE (UAI 2023), Table 4",
            "notes": ["made by hand"],
            "command": "mixup-multi run tables.yaml --set trials=3",
            "text": "title: Three tables\nadapter: tabular\n",
            "cells": dict(cells),
            **changes,
        }
        number = len(list((self.path / "recipes").iterdir()))
        write_json(self.path / "recipes" / f"tables-{number}.json", asked)
        return self

    def planned(self) -> dict[str, str]:
        """Return the cells that are there, as a recipe plans them."""
        records = (CellFolder(p).read_json("cell") for p in sorted(self.path.glob("cells/*")))
        return {record["key"]: title_of(record) for record in records if record is not None}

    def grid(
        self, errors: Mapping[str, Mapping[str, Sequence[float]]] | None = None, **changes: Any
    ) -> Folder:
        """Add a finished cell for each data set, method and trial's error."""
        for dataset, methods in (errors or ERRORS).items():
            for method, values in methods.items():
                for seed, error in enumerate(values):
                    self.add(record_of(dataset, method, seed), result_of(error, **changes))
        return self


ERRORS = {
    "Iris": {"ERM": [10.0, 20.0, 15.0], "Mixup": [10.0, 10.0, 10.0], "MixupE": [5.0, 10.0, 5.0]},
    "Letter": {"ERM": [5.0, 5.0, 10.0], "Mixup": [5.0, 10.0, 5.0], "MixupE": [5.0, 5.0, 5.0]},
    "CMC": {"ERM": [45.0, 50.0, 40.0], "Mixup": [50.0, 50.0, 45.0], "MixupE": [40.0, 45.0, 40.0]},
}


@pytest.fixture(scope="session")
def folder_class() -> type[Folder]:
    return Folder


@pytest.fixture
def new_folder(tmp_path: Path) -> Callable[[str], Folder]:
    return lambda name: Folder(tmp_path / name)


@pytest.fixture(scope="session")
def grid_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three data sets, three methods, three trials, all finished; do not change it."""
    folder = Folder(tmp_path_factory.mktemp("report") / "small grid").grid()
    return folder.ask(folder.planned()).path


@pytest.fixture(scope="session")
def grid_page(grid_folder: Path) -> str:
    """The page of `grid_folder` with its figures."""
    return page(build_report(grid_folder, paper=True))
