"""A batch of graphs: one graph of several components, in PyG's field names."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from .bags import Bags


class Selects(Protocol):
    """What some of a batch's graphs can be taken from."""

    def select(self, index: Tensor) -> GraphBatch:
        """Return the graphs at `index` `(n,)` as a batch."""


class Packing(NamedTuple):
    """What packed storage knows of a batch's tensors, which others would have to sort for.

    Attributes:
        edge_index: the very tensor of which this is true: where a batch got another one since,
            nothing of this holds.
        nodes: `(n,)` the number of nodes of each graph, on the CPU.
        neighbours: each node's, where every edge comes in both directions; else None.
        graphs: the nodes of each graph.
        origin: what the batch was made of.
    """

    edge_index: Tensor
    nodes: Tensor
    neighbours: Bags | None
    graphs: Bags
    origin: Selects


@dataclass(frozen=True, slots=True)
class GraphBatch:
    """n graphs whose nodes are numbered through the batch.

    The fields have the names of PyG's `Batch`, so a model that reads `x`, `edge_index`, `batch`
    and `num_graphs` takes either.

    Attributes:
        x: `(nodes, d)` features.
        edge_index: `(2, e)` from and to, each edge in both directions.
        batch: `(nodes,)` the graph of each node, 0 to n - 1, ascending.
        num_graphs: n; a graph may have no edges, or even no nodes.
        packing: what is known of the tensors where they come from packed storage.
    """

    x: Tensor
    edge_index: Tensor
    batch: Tensor
    num_graphs: int
    packing: Packing | None = field(default=None, repr=False)

    def to(self, device: torch.device | str) -> GraphBatch:
        """Return the batch on `device`."""
        return GraphBatch(
            self.x.to(device, non_blocking=True),
            self.edge_index.to(device, non_blocking=True),
            self.batch.to(device, non_blocking=True),
            self.num_graphs,
            self.packing,
        )

    @property
    def packed(self) -> Packing | None:
        """What is known of the tensors as they are; None where they are others than packed."""
        known = self.packing
        return known if known is not None and known.edge_index is self.edge_index else None

    def examples_at(self, index: Tensor) -> GraphBatch:
        """Return the graphs at `index` `(m,)` of a batch from packed storage.

        Raises:
            ValueError: it comes from elsewhere, or was changed since.
        """
        if self.packed is None:
            raise ValueError("examples can only be taken of a batch as packed storage gave it")
        return self.packed.origin.select(index)

    def to_pyg(self) -> Any:
        """Return a `torch_geometric.data.Batch` that shares the tensors, for models written for it.

        It was not collated from single graphs, so PyG cannot take it apart (`to_data_list`).
        """
        from torch_geometric.data import Batch

        counts = torch.bincount(self.batch, minlength=self.num_graphs)
        ptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return Batch(x=self.x, edge_index=self.edge_index, batch=self.batch, ptr=ptr)
