"""Small tables in the TUDataset format, and generated graphs in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi_adapters.graphs import GraphAdapter, GraphBatch

# Four graphs: a triangle, an edge and a lone node, a path of three nodes, an edge; (node, node).
TINY = {
    "A": [
        *("1, 2", "2, 1", "2, 3", "3, 2", "1, 3", "3, 1", "4, 5", "5, 4"),
        *("7, 8", "8, 7", "8, 9", "9, 8", "10, 11", "11, 10"),
    ],
    "graph_indicator": ["1"] * 3 + ["2"] * 3 + ["3"] * 3 + ["4"] * 2,
    "graph_labels": ["1", "-1", "-1", "1"],
    "node_labels": ["3", "3", "5", "3", "9", "9", "3", "3", "5", "5", "3"],
    "node_attributes": [f"{0.5 * n}, {n * n}, 7" for n in range(11)],
    "edge_labels": ["0"] * 14,
}

Change = Callable[[list[str]], list[str]]


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads that wait for one another make small steps slow on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def write_tiny(tmp_path: Path) -> Callable[..., Path]:
    """Write the tiny table below a data root and return the root; parts may be changed."""

    def write(without: str = "", **changes: Change) -> Path:
        folder = tmp_path / "TUDataset" / "TINY" / "raw"
        folder.mkdir(parents=True, exist_ok=True)
        for part, lines in TINY.items():
            if part != without:
                changed = changes.get(part, list)(lines)
                (folder / f"TINY_{part}.txt").write_text("".join(f"{line}\n" for line in changed))
        return tmp_path

    return write


@pytest.fixture(scope="session")
def motifs() -> Data:
    """The embedded synthetic data set."""
    return GraphAdapter().datasets["motifs"].load(Path("unused"), Trial())


@pytest.fixture(scope="session")
def twelve(motifs: Data) -> GraphBatch:
    """Twelve of its graphs with float64 features."""
    batch = motifs.train.gather(torch.arange(12)).inputs
    return replace(batch, x=batch.x.double())
