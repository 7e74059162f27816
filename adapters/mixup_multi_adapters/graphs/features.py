"""What a node's features are: one-hot labels, one-hot degree, attributes, or nothing.

Labels and degrees make "kinds": nodes that agree in them share a row of features.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from mixup_multi.errors import SettingError

from .packed import GraphStore
from .raw import RawGraphs

Features = Literal["auto", "labels", "labels_and_attributes", "degree", "constant"]
Vocabulary = Literal["all", "training"]


def build_store(
    raw: RawGraphs, train: Tensor, features: Features, vocabulary: Vocabulary
) -> GraphStore:
    """Give the graphs their features.

    Args:
        raw: all graphs of the data set.
        train: `(G,)` true for the training graphs, which attributes are standardised by.
        features: which features; `auto` is `labels` where the data has them, else `degree`.
        vocabulary: whose labels and degrees get a column: those of `all` graphs, as in the GIN
            protocol, or of `training` graphs only; others then get a row of zeros.

    Raises:
        SettingError: the data has no such features.
    """
    known = train.repeat_interleave(raw.nodes)
    kinds, table = _one_hot(_discrete(raw, features), known | (vocabulary == "all"))
    attributes = raw.node_attributes[:, :0]
    if features == "labels_and_attributes":
        attributes = _standardised(raw.node_attributes, known)
    sizes = raw.nodes, raw.edge_counts
    return GraphStore(kinds, table, attributes, raw.edges, *sizes, mutual=_mutual(raw))


def kinds_of_degrees(raw: RawGraphs, store: GraphStore, features: Features) -> Tensor | None:
    """Return the kind of a node of each degree `(largest + 1,)`, -1 where no node has it.

    None where the features are no degrees.
    """
    labelled = raw.node_labels.shape[1] > 0
    if features != "degree" and (features != "auto" or labelled):
        return None
    degrees = raw.degrees()
    kinds = torch.full((int(degrees.max()) + 1,), -1)
    kinds[degrees] = store.kinds
    return kinds


def _mutual(raw: RawGraphs) -> bool:
    """Whether every edge comes in both directions, in the order of where they leave."""
    total = int(raw.nodes.sum())
    there, back = raw.edges[0] * total + raw.edges[1], raw.edges[1] * total + raw.edges[0]
    return bool((there.diff() > 0).all()) and torch.equal(there, back.sort().values)


def _discrete(raw: RawGraphs, features: Features) -> Tensor:
    """Return `(N, t)` whole numbers that are to be one-hot."""
    labelled = raw.node_labels.shape[1] > 0
    if features == "degree" or (features == "auto" and not labelled):
        return raw.degrees()[:, None]
    if features == "constant":
        return torch.zeros(len(raw.node_labels), 1, dtype=torch.long)
    if features == "labels" and not labelled:
        raise SettingError(
            f"features: labels, but {raw.name} has no node labels; choose auto, degree or constant"
        )
    if features == "labels_and_attributes" and not raw.node_attributes.shape[1]:
        raise SettingError(
            f"features: labels_and_attributes, but {raw.name} has no node attributes;"
            f" choose auto, {'labels, ' if labelled else ''}degree or constant"
        )
    return raw.node_labels


def _one_hot(columns: Tensor, known: Tensor) -> tuple[Tensor, Tensor]:
    """Return each node's kind `(N,)` and the kinds' one-hot rows, a column a `known` value."""
    kinds = torch.zeros(len(columns), dtype=torch.long)
    for column in columns.unbind(1):  # much faster than `torch.unique(columns, dim=0)`
        values, ranks = torch.unique(column, return_inverse=True)
        kinds = torch.unique(kinds * len(values) + ranks, return_inverse=True)[1]
    rows = columns.new_zeros(int(kinds.max()) + 1, columns.shape[1])
    rows[kinds] = columns
    blocks = [rows[:, [t]] == torch.unique(columns[known, t]) for t in range(columns.shape[1])]
    return kinds, torch.cat([torch.zeros(len(rows), 0), *blocks], 1)


def _standardised(attributes: Tensor, known: Tensor) -> Tensor:
    """Return `(attributes - mean) / deviation` over the `known` nodes; constants become 0."""
    fitted = attributes[known].double()
    deviation = fitted.std(0, correction=0)
    deviation[deviation == 0] = 1
    return ((attributes.double() - fitted.mean(0)) / deviation).float()
