"""TUDatasets below the data root: which there are, reading them once, and fetching them.

torch_geometric's `TUDataset` writes `processed/` beside the data, so it only serves to download.
What is read from the text files is kept in the cache, under a key of their content.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import torch

from mixup_multi.engine.cache import cache_folder, content_key, write_atomically
from mixup_multi.engine.source import missing
from mixup_multi.errors import DataError, OutputError

from .raw import RawGraphs
from .tu_files import read_tu

FOLDER = "TUDataset"
_FORMAT = "1"  # of the prepared file; a change makes old ones unused


@dataclass(frozen=True)
class Table:
    """A TUDataset whose counts are known, so that a shortened copy is recognised.

    Attributes:
        official: its name in the collection.
        graphs: the number of graphs.
        nodes: the number of nodes of all graphs.
        edges: the number of directed edges of all graphs.
        size: what the files weigh, unpacked.
        about: what the graphs are.
    """

    official: str
    graphs: int
    nodes: int
    edges: int
    size: str
    about: str


TABLES = {
    "mutag": Table("MUTAG", 188, 3_371, 7_442, "0.1 MB", "mutagenic molecules, 2 classes"),
    "ptc_mr": Table("PTC_MR", 344, 4_915, 10_108, "0.2 MB", "carcinogenic molecules, 2 classes"),
    "proteins": Table("PROTEINS", 1_113, 43_471, 162_088, "3 MB", "proteins, 2 classes"),
    "nci1": Table("NCI1", 4_110, 122_747, 265_506, "4 MB", "anti-cancer screens, 2 classes"),
    "imdb_binary": Table("IMDB-BINARY", 1_000, 19_773, 193_062, "5 MB", "actors, 2 genres"),
    "imdb_multi": Table("IMDB-MULTI", 1_500, 19_502, 197_806, "5 MB", "actors, 3 genres"),
}


def read_table(root: Path, official: str) -> RawGraphs:
    """Return the graphs of `root/TUDataset/OFFICIAL/raw`, from the cache where they are in it.

    Raises:
        DataError: the table is not there, or its files cannot be used.
    """
    folder = root / FOLDER / official / "raw"
    files = sorted(folder.glob(f"{official}_*.txt"))
    if not files:
        raise _absent(folder, official)
    named = [part for file in files for part in (file.name, file)]
    key = content_key(_FORMAT, official, *named)
    path = cache_folder("graphs") / f"{official}-{key}.pt"
    raw = _prepared(path)
    if raw is None:
        raw = read_tu(folder, official, key)
        content = {field.name: getattr(raw, field.name) for field in fields(raw)}
        write_atomically(path, lambda temporary: torch.save(content, temporary))
    return raw


def _prepared(path: Path) -> RawGraphs | None:
    """Return what was prepared before; None where it was not, or cannot be read any more."""
    if not path.is_file():
        return None
    try:
        return RawGraphs(**torch.load(path, weights_only=True))
    except Exception:  # a torn file may raise anything; it is made again
        return None


def check_known_counts(raw: RawGraphs, table: Table, folder: Path) -> None:
    """Raise `DataError` where a table of the collection has not its published size."""
    found = (len(raw), int(raw.nodes.sum()), raw.edges.shape[1])
    expected = (table.graphs, table.nodes, table.edges)
    if found != expected:
        raise DataError(
            f"{folder}: found {found[0]:,} graphs, {found[1]:,} nodes and {found[2]:,} directed"
            f" edges; {table.official} has {expected[0]:,}, {expected[1]:,} and {expected[2]:,}."
            " The files are cut short or another release: remove the folder and fetch it again, or"
            f" use the dataset 'tudataset' with table: {table.official}, which takes them as they"
            " are."
        )


def _absent(folder: Path, official: str) -> DataError:
    for name, table in TABLES.items():
        if table.official == official:
            return missing(name, folder, table.size)
    return missing("tudataset", folder, "", f"tudataset --set table={official}")


def _address(official: str) -> str:
    return f"https://www.chrsmrrs.com/graphkerneldatasets/{official}.zip"


def fetch_table(root: Path, official: str) -> None:
    """Download a TUDataset into `root/TUDataset/OFFICIAL/raw`, unless there are files already.

    A failure leaves no part of it.

    Raises:
        DataError: it cannot be downloaded.
        OutputError: the data root cannot be written.
    """
    from torch_geometric.datasets import TUDataset

    folder = root / FOLDER / official / "raw"
    if folder.is_dir() and any(folder.iterdir()):
        return
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder.parent} cannot be made ({error.strerror})") from error
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        try:
            TUDataset(scratch, official)
        except Exception as error:  # whatever the network, the server or the archive may raise
            raise DataError(
                f"{official}: cannot be downloaded from {_address(official)}"
                f" ({type(error).__name__}: {error}). Try again later, or unpack the archive"
                f" yourself into {folder}."
            ) from error
        (Path(scratch) / official / "raw").replace(folder)
