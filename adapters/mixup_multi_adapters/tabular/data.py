"""The data sets of the adapter, by name."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from mixup_multi.engine.source import Dataset, missing

from .bundled import BUNDLED, read_bundled
from .loaders import load_file, load_openml, table_loader
from .openml_fetch import fetch_any, fetch_table
from .openml_local import FOLDER, folder_of, is_complete, read_openml
from .table import Table


class GridTable(NamedTuple):
    """A table of the MixupE grid: its OpenML id, what it holds, and what it weighs."""

    id: int
    content: str
    size: str
    published: int | None = None


GRID = MappingProxyType(
    {
        "arrhythmia": GridTable(5, "452 x 279, 13 of 16 classes, missing values", "0.4 MB"),
        "letter": GridTable(6, "20,000 x 16, 26 classes", "0.7 MB"),
        "balance_scale": GridTable(11, "625 x 4, 3 classes", "0.01 MB"),
        "mfeat_factors": GridTable(12, "2,000 x 216, 10 classes", "1.5 MB"),
        "mfeat_fourier": GridTable(14, "2,000 x 76, 10 classes", "1.7 MB"),
        "mfeat_karhunen": GridTable(16, "2,000 x 64, 10 classes", "1.5 MB"),
        "mfeat_morphological": GridTable(18, "2,000 x 6, 10 classes", "0.1 MB"),
        "mfeat_zernike": GridTable(22, "2,000 x 47, 10 classes", "1.1 MB"),
        "cmc": GridTable(23, "1,473 x 9, 3 classes, 7 categorical columns", "0.03 MB"),
        "optdigits": GridTable(28, "5,620 x 64, 10 classes", "0.8 MB"),
        "pendigits": GridTable(32, "10,992 x 16, 10 classes", "0.7 MB"),
        "iris": GridTable(61, "150 x 4, 3 classes", "0.01 MB"),
        "mnist_784": GridTable(554, "70,000 x 784, 10 classes", "15 MB", published=60_000),
        "abalone": GridTable(
            1557, "4,177 x 8, 3 classes (the 28-class one is openml with id 183)", "0.2 MB"
        ),
        "volkert": GridTable(41166, "58,310 x 180, 10 classes", ""),
    }
)


def _read_grid(name: str, root: Path) -> Table:
    folder = folder_of(root, GRID[name].id)
    if not is_complete(folder):
        raise missing(name, folder, GRID[name].size)
    return read_openml(name, folder)


def _grid_dataset(name: str, table: GridTable) -> Dataset:
    return Dataset(
        summary=f"OpenML {table.id}: {table.content}",
        load=table_loader(name, partial(_read_grid, name), table.published),
        fetch=partial(fetch_table, id=table.id),
        folder=str(folder_of(Path(), table.id)),
        size=table.size,
    )


DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {name: _grid_dataset(name, table) for name, table in GRID.items()}
    | {
        name: Dataset(summary=summary, load=table_loader(name, partial(read_bundled, name)))
        for name, summary in BUNDLED.items()
    }
    | {
        "openml": Dataset(
            summary="any OpenML table, by id or by name (table)",
            load=load_openml,
            fetch=fetch_any,
            folder=FOLDER,
            size="depends on the table",
        ),
        "file": Dataset(
            summary="a CSV, ARFF or parquet file (path)", load=load_file, size="your own"
        ),
    }
)
