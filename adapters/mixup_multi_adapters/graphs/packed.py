"""Graphs in packed storage, from which batches are gathered by index without a Python loop.

A graph's nodes are one run of the node tensors, its edges one run of the edge tensor. Gathering
graphs is therefore gathering runs, which is a `cumsum`, a `repeat_interleave` and an indexing.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Generator, Tensor

from mixup_multi.batch import Batch, as_targets

from .bags import Bags
from .graph_batch import GraphBatch, Packing


@dataclass(frozen=True)
class GraphStore:
    """G graphs with N nodes and E directed edges in all.

    Discrete features take a few distinct rows only (26 MB of one-hot rows for 122,747 atoms of 37
    elements hold 37 different ones), so a node stores the number of its row.

    Attributes:
        kinds: `(N,)` each node's row of `table`.
        table: `(k, w)` the distinct rows of discrete features.
        attributes: `(N, a)` continuous features; a is 0 where there are none.
        edges: `(2, E)` from and to, graph by graph; nodes are numbered through the store.
        nodes: `(G,)` the number of nodes of each graph. Always on the CPU, like `edge_counts`:
            the sizes of what is gathered are known there without waiting for the device.
        edge_counts: `(G,)` the number of edges of each graph.
        mutual: whether every edge comes in both directions, in the order of where they leave, so
            that a node's run of edges are its neighbours.
    """

    kinds: Tensor
    table: Tensor
    attributes: Tensor
    edges: Tensor
    nodes: Tensor
    edge_counts: Tensor
    mutual: bool = False

    def __len__(self) -> int:
        return len(self.nodes)

    @property
    def width(self) -> int:
        """The number of features of a node, w + a."""
        return self.table.shape[1] + self.attributes.shape[1]

    @cached_property
    def _node_starts(self) -> Tensor:
        return _starts(self.nodes)

    @cached_property
    def _edge_starts(self) -> Tensor:
        return _starts(self.edge_counts)

    def take(self, index: Tensor) -> GraphStore:
        """Return the graphs at `index` `(n,)`, in that order; an index may occur repeatedly."""
        index = index.cpu()
        device = self.kinds.device
        nodes, edge_counts = self.nodes[index], self.edge_counts[index]
        node_starts = self._node_starts[index]
        node_at = _runs(node_starts, nodes, device)
        edge_at = _runs(self._edge_starts[index], edge_counts, device)
        # Row by row is twice as fast as `edges[:, edge_at]`.
        edges = torch.stack([ends.index_select(0, edge_at) for ends in self.edges])
        edges += _repeat(_starts(nodes) - node_starts, edge_counts, device)
        return replace(
            self,
            kinds=self.kinds.index_select(0, node_at),
            attributes=self.attributes.index_select(0, node_at),
            edges=edges,
            nodes=nodes,
            edge_counts=edge_counts,
        )

    def joined(self) -> GraphBatch:
        """Return all the graphs as one batch; features are float32."""
        features = self.table.index_select(0, self.kinds)
        if self.attributes.shape[1]:
            features = torch.cat([features, self.attributes], 1)
        graph = _repeat(torch.arange(len(self)), self.nodes, self.kinds.device)
        packing = Packing(self.edges, self.nodes, self._neighbours(), self._nodes(), self)
        return GraphBatch(features, self.edges, graph, len(self), packing)

    def _neighbours(self) -> Bags | None:
        if not self.mutual:
            return None
        degrees = torch.bincount(self.edges[0], minlength=len(self.kinds))
        return Bags(self.edges[1], _starts(degrees))

    def _nodes(self) -> Bags:
        device = self.kinds.device
        return Bags(torch.arange(len(self.kinds), device=device), self._node_starts.to(device))

    def select(self, index: Tensor) -> GraphBatch:
        """Return the graphs at `index` `(n,)` as a batch."""
        return self.take(index).joined()

    def to(self, device: torch.device | str) -> GraphStore:
        """Return the store with all but the graphs' sizes on `device`."""
        moved = ("kinds", "table", "attributes", "edges")
        return replace(self, **{name: getattr(self, name).to(device) for name in moved})


def _starts(counts: Tensor) -> Tensor:
    """Return where each run begins when runs of `counts` follow one another."""
    return counts.cumsum(0) - counts


def _repeat(values: Tensor, counts: Tensor, device: torch.device) -> Tensor:
    """Repeat `values[i]` `counts[i]` times on `device`, to which only short tensors travel."""
    total = int(counts.sum())
    return values.to(device).repeat_interleave(counts.to(device), output_size=total)


def _runs(starts: Tensor, counts: Tensor, device: torch.device) -> Tensor:
    """Return the positions `starts[i], starts[i] + 1, ...` of each run, run after run."""
    positions = _repeat(starts - _starts(counts), counts, device)
    positions += torch.arange(len(positions), device=device)
    return positions


def _joined(stores: Sequence[GraphStore]) -> GraphStore:
    """Return all graphs as one store, with a table of all the stores' rows."""

    def end_to_end(parts: Sequence[Tensor], sizes: Sequence[int], axis: int = 0) -> Tensor:
        before = [sum(sizes[:place]) for place in range(len(sizes))]
        return torch.cat([part + n for part, n in zip(parts, before, strict=True)], axis)

    return GraphStore(
        kinds=end_to_end([s.kinds for s in stores], [len(s.table) for s in stores]),
        table=torch.cat([s.table for s in stores]),
        attributes=torch.cat([s.attributes for s in stores]),
        edges=end_to_end([s.edges for s in stores], [len(s.kinds) for s in stores], axis=1),
        nodes=torch.cat([s.nodes for s in stores]),
        edge_counts=torch.cat([s.edge_counts for s in stores]),
        mutual=all(s.mutual for s in stores),
    )


@dataclass(frozen=True)
class PackedGraphs:
    """A split of a data set of graphs (a `Source`).

    Attributes:
        store: the split's graphs.
        labels: `(G,)` class indices, on the CPU.
        classes: the number of columns of the targets.
        ids: each graph's number in the data set, from 0.
    """

    store: GraphStore
    labels: Tensor
    classes: int
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.labels)

    def gather(self, index: Tensor, generator: Generator | None = None) -> Batch:  # noqa: ARG002
        """Return the graphs at `index` `(n,)`; graphs have no augmentation to draw."""
        return Batch(self.store.take(index).joined(), self._targets[index.cpu()], index)

    @cached_property
    def _targets(self) -> Tensor:
        return as_targets(self.labels, self.classes)

    def to(self, device: torch.device | str) -> PackedGraphs:
        """Return the split with its graphs on `device`."""
        return replace(self, store=self.store.to(device))

    @property
    def kind(self) -> Hashable:
        """What is equal in parts that can be joined: the features' width and type."""
        return self.store.width, str(self.store.table.dtype)

    @staticmethod
    def join(parts: Sequence[PackedGraphs]) -> PackedGraphs:
        """Return the graphs of several splits of one kind as one, in their order."""
        labels = torch.cat([part.labels for part in parts])
        ids = [name for part in parts for name in part.ids]
        return PackedGraphs(_joined([p.store for p in parts]), labels, parts[0].classes, ids)

    def mean(self) -> None:
        """Graphs have no mean: their nodes do not correspond."""
