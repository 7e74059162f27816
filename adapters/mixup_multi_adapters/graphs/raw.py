"""Labelled graphs as they were read or generated, before any feature is chosen."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class RawGraphs:
    """G labelled graphs with N nodes and E directed edges in all, on the CPU.

    Attributes:
        name: the data set's name.
        nodes: `(G,)` the number of nodes of each graph.
        edge_counts: `(G,)` the number of directed edges of each graph.
        edges: `(2, E)` from and to, graph by graph; nodes are numbered through all graphs.
        labels: `(G,)` class indices.
        classes: the classes' names.
        node_labels: `(N, t)` whole numbers; t is 0 where there are none.
        node_attributes: `(N, a)` float32; a is 0 where there are none.
        key: a hash of what the graphs were made from.
    """

    name: str
    nodes: Tensor
    edge_counts: Tensor
    edges: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    node_labels: Tensor
    node_attributes: Tensor
    key: str

    def __len__(self) -> int:
        return len(self.nodes)

    def degrees(self) -> Tensor:
        """Return `(N,)`: the number of edges that leave each node."""
        return torch.bincount(self.edges[0], minlength=int(self.nodes.sum()))


def assemble(
    name: str,
    key: str,
    edges: Tensor,
    graph: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    node_labels: Tensor | None = None,
    node_attributes: Tensor | None = None,
) -> RawGraphs:
    """Make simple graphs of one long edge list: no self-loops, no edge twice, edges in order.

    Args:
        name: the data set's name.
        key: a hash of what the graphs are made from.
        edges: `(2, M)` from and to, numbered through all graphs.
        graph: `(N,)` the graph of each node, ascending.
        labels: `(G,)` class indices.
        classes: the classes' names.
        node_labels: `(N, t)` whole numbers.
        node_attributes: `(N, a)` floating point.
    """
    total = len(graph)
    source, target = edges[:, edges[0] != edges[1]]
    once = torch.unique(source * total + target)
    ends = torch.stack([once // total, once % total])
    return RawGraphs(
        name=name,
        nodes=torch.bincount(graph, minlength=len(labels)),
        edge_counts=torch.bincount(graph[ends[0]], minlength=len(labels)),
        edges=ends,
        labels=labels,
        classes=classes,
        node_labels=torch.zeros(total, 0).long() if node_labels is None else node_labels,
        node_attributes=torch.zeros(total, 0) if node_attributes is None else node_attributes,
        key=key,
    )
