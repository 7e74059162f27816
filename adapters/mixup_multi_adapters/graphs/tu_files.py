"""The text files of a TUDataset, read and checked.

The graphs are those of torch_geometric's `read_tu_data` (self-loops removed, edges that occur
twice merged, labels in ascending order). It is not used because it checks nothing and names no
file: a file that was cut short gives wrong graphs in silence, and a last line without a line
feed is dropped.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mixup_multi.engine.source import check_finite
from mixup_multi.errors import DataError

from .raw import RawGraphs, assemble

Numbers = NDArray[np.float64]
Whole = NDArray[np.int64]


def read_tu(folder: Path, table: str, key: str) -> RawGraphs:
    """Read the graphs of `folder/TABLE_*.txt`.

    Raises:
        DataError: a file is absent, cut short, not of numbers, or contradicts another one.
    """
    files = _Files(folder, table)
    graph = files.whole("graph_indicator")[:, 0] - 1
    edges = files.whole("A") - 1
    labels = files.whole("graph_labels")
    _check_graphs(files, graph, labels)
    _check_edges(files, edges, graph)
    values, classes = np.unique(labels[:, 0], return_inverse=True)
    node_labels = files.node_rows("node_labels", len(graph))
    attributes = files.node_rows("node_attributes", len(graph))
    raw = assemble(
        table,
        key,
        torch.from_numpy(edges.T.copy()),
        torch.from_numpy(graph),
        torch.from_numpy(classes.astype(np.int64)),
        tuple(str(value) for value in values),
        None
        if node_labels is None
        else torch.from_numpy(files.as_whole(node_labels, "node_labels")),
        None if attributes is None else torch.from_numpy(attributes).float(),
    )
    check_finite(table, "node attributes", raw.node_attributes)
    return raw


class _Files:
    """The files of one table, by the part they hold."""

    def __init__(self, folder: Path, table: str) -> None:
        self.folder, self.table = folder, table

    def path(self, part: str) -> Path:
        return self.folder / f"{self.table}_{part}.txt"

    def error(self, part: str, problem: str) -> DataError:
        return DataError(
            f"{self.path(part)}: {problem}. The file is cut short or damaged; remove the folder"
            " and fetch it again."
        )

    def numbers(self, part: str) -> Numbers:
        """Return the lines as rows `(lines, columns)`."""
        try:
            with warnings.catch_warnings():  # an empty file is ours to report
                warnings.simplefilter("ignore", UserWarning)
                rows: Numbers = np.loadtxt(
                    self.path(part), delimiter=",", comments=None, ndmin=2, encoding="utf-8"
                )
        except FileNotFoundError:
            raise self.error(
                part, "there is no such file; expected one beside the others"
            ) from None
        except (ValueError, OSError) as error:
            raise self.error(part, f"expected lines of numbers, got: {error}") from error
        if not rows.size:
            raise self.error(part, "it is empty; expected lines of numbers")
        return rows

    def as_whole(self, rows: Numbers, part: str) -> Whole:
        odd = ~np.isfinite(rows) | (rows != np.round(rows))
        if odd.any():
            line = int(odd.any(1).argmax())
            raise self.error(part, f"line {line + 1} is {rows[line]}; expected whole numbers")
        return rows.astype(np.int64)

    def whole(self, part: str) -> Whole:
        rows = self.as_whole(self.numbers(part), part)
        columns = 2 if part == "A" else 1
        if rows.shape[1] != columns:
            raise self.error(part, f"it has {rows.shape[1]} columns; expected {columns}")
        return rows

    def node_rows(self, part: str, nodes: int) -> Numbers | None:
        """Return an optional file of one line a node."""
        if not self.path(part).is_file():
            return None
        rows = self.numbers(part)
        if len(rows) != nodes:
            indicator = self.path("graph_indicator").name
            raise self.error(part, f"it has {len(rows)} lines, but {indicator} has {nodes} nodes")
        return rows


def _check_graphs(files: _Files, graph: Whole, labels: Whole) -> None:
    """Every node is of a labelled graph, in ascending order, and the last graph has nodes."""
    if graph[0] < 0 or (np.diff(graph) < 0).any():
        raise files.error("graph_indicator", "expected graph numbers from 1 in ascending order")
    if graph[-1] + 1 != len(labels):
        raise files.error(
            "graph_indicator" if graph[-1] < len(labels) else "graph_labels",
            f"the last node is of graph {graph[-1] + 1}, but there are {len(labels)} graph labels",
        )


def _check_edges(files: _Files, edges: Whole, graph: Whole) -> None:
    """Edges join nodes of one graph, in both directions, as the format's description says."""
    if edges.min() < 0 or edges.max() >= len(graph):
        raise files.error("A", f"it has nodes outside 1 to {len(graph)}, the number of nodes")
    across = graph[edges[:, 0]] != graph[edges[:, 1]]
    if across.any():
        line = int(across.argmax())
        raise files.error("A", f"line {line + 1} joins two graphs; expected edges within a graph")
    one_way = np.setxor1d(
        edges[:, 0] * len(graph) + edges[:, 1], edges[:, 1] * len(graph) + edges[:, 0]
    )
    if len(one_way):
        a, b = int(one_way[0]) // len(graph) + 1, int(one_way[0]) % len(graph) + 1
        raise files.error("A", f"the edge of nodes {a} and {b} is there in one direction only")
    for part in ("edge_labels", "edge_attributes"):
        if files.path(part).is_file() and len(files.numbers(part)) != len(edges):
            raise files.error(part, f"expected a line for each of the {len(edges)} edges")
