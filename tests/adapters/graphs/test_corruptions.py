"""Corruptions of graphs: shares, symmetry, order, and features that follow the edges."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest
import torch
from torch import Tensor

from mixup_multi.engine.source import Data, Trial
from mixup_multi_adapters.graphs import GraphAdapter, GraphStore, PackedGraphs
from mixup_multi_adapters.graphs.corruptions import GraphDraws, edge_add, edge_drop, node_drop


def part(data: Data) -> PackedGraphs:
    return cast(PackedGraphs, data.train)


def corrupted(data: Data, name: str, severity: int, seed: int = 0) -> GraphStore:
    new = data.shifts.made[name].of(data.train, severity, seed)
    return cast(PackedGraphs, new).store


def check_well_formed(store: GraphStore, clean: GraphStore) -> None:
    graph = torch.arange(len(store)).repeat_interleave(store.nodes)
    assert len(store) == len(clean)
    assert int(store.nodes.sum()) == len(store.kinds) == len(store.attributes)
    assert torch.equal(graph[store.edges[0]], graph[store.edges[1]])
    assert torch.equal(
        torch.bincount(graph[store.edges[0]], minlength=len(store)), store.edge_counts
    )
    assert (store.edges[0] != store.edges[1]).all()
    keys = store.edges[0] * len(store.kinds) + store.edges[1]
    assert (keys.diff() > 0).all()  # in order, none twice
    back = store.edges[1] * len(store.kinds) + store.edges[0]
    assert torch.equal(keys, back.sort().values)
    assert store.mutual
    batch = store.joined()
    assert batch.packed is not None
    assert batch.x.shape == (len(store.kinds), clean.width)


@pytest.mark.parametrize("name", ["edge_drop", "edge_add", "node_drop", "feature_mask"])
@pytest.mark.parametrize("severity", [1, 5])
def test_what_comes_out_is_packed_as_what_went_in(motifs: Data, name: str, severity: int) -> None:
    before = part(motifs).store
    copy = before.edges.clone(), before.kinds.clone()
    check_well_formed(corrupted(motifs, name, severity), before)
    assert torch.equal(before.edges, copy[0])
    assert torch.equal(before.kinds, copy[1])


def pairs(store: GraphStore) -> set[tuple[int, int]]:
    return set(map(tuple, store.edges.T.tolist()))


@pytest.mark.parametrize(
    ("severity", "share"), list(enumerate((0.05, 0.1, 0.2, 0.3, 0.5), start=1))
)
def test_shares_are_as_stated(motifs: Data, severity: int, share: float) -> None:
    clean = part(motifs).store
    dropped = corrupted(motifs, "edge_drop", severity)
    assert pairs(dropped) < pairs(clean)
    left = dropped.edges.shape[1] / clean.edges.shape[1]
    assert left == pytest.approx(1 - share, abs=0.02)
    added = corrupted(motifs, "edge_add", severity)
    assert pairs(added) > pairs(clean)
    wanted = (clean.edge_counts // 2 * share).round()
    assert torch.equal((added.edge_counts - clean.edge_counts) // 2, wanted.long())
    fewer = corrupted(motifs, "node_drop", severity)
    assert len(fewer.kinds) / len(clean.kinds) == pytest.approx(1 - share, abs=0.02)
    masked = corrupted(motifs, "feature_mask", severity)
    share = (0.1, 0.2, 0.3, 0.5, 0.7)[severity - 1]
    rows = (masked.joined().x == 0).all(1)
    assert rows.float().mean().item() == pytest.approx(share, abs=0.02)
    assert torch.equal(masked.joined().x[~rows], clean.joined().x[~rows])


def test_degree_features_are_those_of_the_corrupted_graph(motifs: Data) -> None:
    clean = part(motifs).store.joined()
    columns: dict[int, Tensor] = {}
    for degree, row in zip(torch.bincount(clean.edge_index[0]).tolist(), clean.x, strict=True):
        columns[degree] = row
    for name in ("edge_drop", "edge_add", "node_drop"):
        batch = corrupted(motifs, name, 5).joined()
        degrees = torch.bincount(batch.edge_index[0], minlength=len(batch.x))
        for degree, row in zip(degrees.tolist(), batch.x, strict=True):
            expected = columns.get(degree, torch.zeros_like(row))
            assert torch.equal(row, expected)


def test_labels_stay_with_their_nodes(real_graphs: Path) -> None:
    data = GraphAdapter.datasets["mutag"].load(real_graphs, Trial())
    clean = part(data).store
    assert torch.equal(corrupted(data, "edge_drop", 5).joined().x, clean.joined().x)
    for name in data.shifts.made:
        check_well_formed(corrupted(data, name, 4), clean)


def draws(n: int) -> GraphDraws:
    return GraphDraws([str(row) for row in range(n)], "test", 0)


def store_of(nodes: list[int], edges: list[tuple[int, int]]) -> GraphStore:
    both = sorted({*edges, *((b, a) for a, b in edges)})
    ends = torch.tensor(both, dtype=torch.long).reshape(-1, 2).T
    counts = torch.tensor(nodes)
    graph = torch.arange(len(nodes)).repeat_interleave(counts)
    total = int(counts.sum())
    return GraphStore(
        kinds=torch.zeros(total, dtype=torch.long),
        table=torch.ones(1, 1),
        attributes=torch.zeros(total, 0),
        edges=ends,
        nodes=counts,
        edge_counts=torch.bincount(graph[ends[0]], minlength=len(nodes)),
        mutual=True,
    )


def test_graphs_without_edges_and_complete_ones_are_no_trouble() -> None:
    store = store_of([1, 3, 4], [(1, 2), (1, 3), (2, 3)])  # alone; a triangle; four apart
    for corrupt in (edge_drop, edge_add, node_drop):
        for severity in (1, 5):
            new = corrupt(store, severity, draws(3))
            check_well_formed(new, store)
            assert (new.nodes >= 1).all()
    assert edge_add(store, 5, draws(3)).edge_counts.tolist() == [0, 6, 0]
    empty = store_of([2, 1], [])
    assert edge_add(empty, 5, draws(2)).edges.shape == (2, 0)
    assert edge_drop(empty, 5, draws(2)).edges.shape == (2, 0)


def test_one_node_of_every_graph_stays() -> None:
    store = store_of([1] * 50 + [2] * 50, [])
    found = node_drop(store, 5, draws(100))
    assert (found.nodes[:50] == 1).all()
    assert set(found.nodes[50:].tolist()) == {1, 2}
