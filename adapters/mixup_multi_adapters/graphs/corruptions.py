"""Corruptions of graphs, at severity 1 / 2 / 3 / 4 / 5.

| name | what happens | share |
|---|---|---|
| edge_drop | each edge goes, with a probability | .05 .1 .2 .3 .5 |
| edge_add | edges between nodes that have none come, in proportion to those there are | the same |
| node_drop | each node goes with its edges; of every graph one stays | the same |
| feature_mask | a node's features become zeros, with a probability | .1 .2 .3 .5 .7 |

An edge is one in both directions where the store's edges are. Features that are one-hot degrees
are those of the corrupted graph (a degree that has no column becomes zeros): the true ones would
tell of what was dropped. A graph that is nearly complete may get fewer edges than its share.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TypeAlias, cast

import torch
from torch import Tensor

from mixup_multi.engine.shift import Shift
from mixup_multi.engine.source import Source
from mixup_multi.streams import stream

from .packed import GraphStore, PackedGraphs

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.5)
_CANDIDATES = 4
"""Pairs of nodes that are drawn for each edge to add, since some have an edge already."""


class GraphDraws:
    """Uniform numbers for the items of each graph, from a generator of its own.

    Args:
        ids: of the graphs.
        name: of the use.
        seed: of all draws.
    """

    def __init__(self, ids: list[str], name: str, seed: int) -> None:
        self._generators = [stream(seed, f"{name}/{id}") for id in ids]

    def uniform(self, counts: Tensor) -> Tensor:
        """Return `(sum(counts),)` numbers in [0, 1), graph after graph."""
        pairs = zip(counts.tolist(), self._generators, strict=True)
        return torch.cat([torch.rand(count, generator=own) for count, own in pairs])


def edge_drop(store: GraphStore, severity: int, draws: GraphDraws) -> GraphStore:
    """Let a share of the edges go."""
    keys, graphs = _pairs(store)
    kept = draws.uniform(_counts(graphs, store)) >= _SHARES[severity - 1]
    return _with_pairs(store, keys[kept])


def edge_add(store: GraphStore, severity: int, draws: GraphDraws) -> GraphStore:
    """Let new edges come."""
    keys, graphs = _pairs(store)
    wanted = (_counts(graphs, store) * _SHARES[severity - 1]).round().long()
    tries = wanted * _CANDIDATES
    graph = torch.arange(len(store)).repeat_interleave(tries)
    nodes, starts = store.nodes[graph], (store.nodes.cumsum(0) - store.nodes)[graph]
    one, other = ((draws.uniform(tries) * nodes).long() + starts for _ in range(2))
    drawn = _key(one, other, store)
    place = torch.arange(len(drawn))
    fresh = (one != other) & ~torch.isin(drawn, keys) & (_first_place(drawn) == place)
    before = fresh.long().cumsum(0) - fresh.long()
    first = torch.zeros(len(store), dtype=torch.long)
    first.scatter_reduce_(0, graph, before, "amin", include_self=False)
    taken = fresh & (before - first[graph] < wanted[graph])
    return _with_pairs(store, torch.cat([keys, drawn[taken]]))


def _first_place(values: Tensor) -> Tensor:
    """Return for each value the place where it occurs first."""
    distinct, which = torch.unique(values, return_inverse=True)
    first = torch.full((len(distinct),), len(values), dtype=torch.long)
    first.scatter_reduce_(0, which, torch.arange(len(values)), "amin")
    return first[which]


def node_drop(store: GraphStore, severity: int, draws: GraphDraws) -> GraphStore:
    """Let a share of the nodes go, with their edges."""
    lots = draws.uniform(store.nodes)
    graph = torch.arange(len(store)).repeat_interleave(store.nodes)
    best = torch.zeros(len(store)).scatter_reduce_(0, graph, lots, "amax", include_self=False)
    kept = (lots >= _SHARES[severity - 1]) | (lots == best[graph])
    number = kept.long().cumsum(0) - 1
    among = kept[store.edges[0]] & kept[store.edges[1]]
    edges = number[store.edges[:, among]]
    return replace(
        store,
        kinds=store.kinds[kept],
        attributes=store.attributes[kept],
        edges=edges,
        nodes=torch.bincount(graph[kept], minlength=len(store)),
        edge_counts=torch.bincount(graph[store.edges[0, among]], minlength=len(store)),
    )


def feature_mask(store: GraphStore, severity: int, draws: GraphDraws) -> GraphStore:
    """Let the features of a share of the nodes become zeros."""
    masked = draws.uniform(store.nodes) < (0.1, 0.2, 0.3, 0.5, 0.7)[severity - 1]
    table = torch.cat([store.table, torch.zeros_like(store.table[:1])])
    return replace(
        store,
        table=table,
        kinds=torch.where(masked, len(store.table), store.kinds),
        attributes=torch.where(masked[:, None], 0, store.attributes),
    )


def _pairs(store: GraphStore) -> tuple[Tensor, Tensor]:
    """Return each edge once, as a number, in order; and the graph that it is in."""
    keys = torch.unique(_key(store.edges[0], store.edges[1], store))
    graph = torch.arange(len(store)).repeat_interleave(store.nodes)
    return keys, graph[keys // max(len(store.kinds), 1)]


def _key(one: Tensor, other: Tensor, store: GraphStore) -> Tensor:
    """Return a number for the edge of two nodes, the same either way where edges are mutual."""
    if store.mutual:
        one, other = torch.minimum(one, other), torch.maximum(one, other)
    return one * len(store.kinds) + other


def _counts(graphs: Tensor, store: GraphStore) -> Tensor:
    return torch.bincount(graphs, minlength=len(store))


def _with_pairs(store: GraphStore, keys: Tensor) -> GraphStore:
    """Return the store with the edges that `keys` name, in the order of where they leave."""
    total = max(len(store.kinds), 1)
    if store.mutual:
        keys = torch.cat([keys, keys % total * total + keys // total])
    keys = keys.sort().values
    edges = torch.stack([keys // total, keys % total])
    graph = torch.arange(len(store)).repeat_interleave(store.nodes)
    return replace(store, edges=edges, edge_counts=_counts(graph[edges[0]], store))


Corrupt: TypeAlias = Callable[[GraphStore, int, GraphDraws], GraphStore]
"""`corrupt(store, severity, draws)`: a store of as many graphs, changed."""

CORRUPTIONS: Mapping[str, Corrupt] = MappingProxyType(
    {
        "edge_drop": edge_drop,
        "edge_add": edge_add,
        "node_drop": node_drop,
        "feature_mask": feature_mask,
    }
)


@dataclass(frozen=True)
class GraphCorruption(Shift):
    """A corruption of a part's graphs, all of which are made at once.

    Attributes:
        name: by which it is known.
        corrupt: what it does.
        degrees: `(largest degree + 1,)` the kind of a node of each degree, -1 where there is
            none; None where features are no degrees.
    """

    name: str
    corrupt: Corrupt
    degrees: Tensor | None = None

    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return the corrupted graphs."""
        if severity == 0:
            return source
        graphs = cast(PackedGraphs, source)
        device = graphs.store.kinds.device
        draws = GraphDraws(list(graphs.ids), f"{self.name}/{severity}", seed)
        store = graphs.store.to("cpu")
        new = self.corrupt(store, severity, draws)
        if self.degrees is not None and self.corrupt is not feature_mask:
            new = _featured(new, self.degrees)
        return replace(graphs, store=new.to(device))


def _featured(store: GraphStore, kind_of: Tensor) -> GraphStore:
    """Return the store with the kinds that its nodes' degrees have."""
    degrees = torch.bincount(store.edges[0], minlength=len(store.kinds))
    known = kind_of[degrees.clamp(max=len(kind_of) - 1)]
    unknown = (degrees >= len(kind_of)) | (known < 0)
    table = torch.cat([store.table, torch.zeros_like(store.table[:1])])
    return replace(store, table=table, kinds=torch.where(unknown, len(store.table), known))


def graph_corruptions(degrees: Tensor | None) -> Mapping[str, Shift]:
    """Return the corruptions of graphs; see `GraphCorruption` for `degrees`."""
    return MappingProxyType(
        {name: GraphCorruption(name, corrupt, degrees) for name, corrupt in CORRUPTIONS.items()}
    )
