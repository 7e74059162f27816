"""A batch of graphs: one graph of several components, in PyG's field names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor


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
    """

    x: Tensor
    edge_index: Tensor
    batch: Tensor
    num_graphs: int

    def to(self, device: torch.device | str) -> GraphBatch:
        """Return the batch on `device`."""
        return GraphBatch(
            self.x.to(device, non_blocking=True),
            self.edge_index.to(device, non_blocking=True),
            self.batch.to(device, non_blocking=True),
            self.num_graphs,
        )

    def to_pyg(self) -> Any:
        """Return a `torch_geometric.data.Batch` that shares the tensors, for models written for it.

        It was not collated from single graphs, so PyG cannot take it apart (`to_data_list`).
        """
        from torch_geometric.data import Batch

        counts = torch.bincount(self.batch, minlength=self.num_graphs)
        ptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
        return Batch(x=self.x, edge_index=self.edge_index, batch=self.batch, ptr=ptr)
