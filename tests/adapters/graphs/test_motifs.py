"""The synthetic data set: deterministic, balanced, and telling its class by shape alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import networkx
import pytest
import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import SettingError
from mixup_multi_adapters.graphs import GraphAdapter
from mixup_multi_adapters.graphs.motifs import FEWEST_NODES, MOST_NODES, MOTIFS, motif_graphs


def test_same_arguments_same_graphs() -> None:
    first, second = motif_graphs(40, 0.1, seed=3), motif_graphs(40, 0.1, seed=3)
    assert torch.equal(first.edges, second.edges)
    assert torch.equal(first.nodes, second.nodes)
    assert first.key == second.key
    other = motif_graphs(40, 0.1, seed=4)
    assert other.key != first.key
    assert not torch.equal(other.nodes, first.nodes)


def test_classes_are_balanced_and_sizes_say_nothing_of_them() -> None:
    raw = motif_graphs(2000, 0.1, seed=0)
    assert torch.bincount(raw.labels).tolist() == [500] * 4
    assert raw.nodes.min() == FEWEST_NODES
    assert raw.nodes.max() == MOST_NODES
    means = [raw.nodes[raw.labels == label].double().mean().item() for label in range(4)]
    assert max(means) - min(means) < 1  # standard error 0.17


def test_a_graph_without_noise_is_a_tree_with_one_motif() -> None:
    raw = motif_graphs(40, 0.0, seed=1)
    cycles = {"cycle": 1, "grid": 2, "house": 2, "star": 0}  # independent ones
    pieces = raw.edges.split(raw.edge_counts.tolist(), 1)
    for label, nodes, edges in zip(raw.labels, raw.nodes, pieces, strict=True):
        graph = networkx.Graph(edges.T.tolist())
        assert networkx.is_connected(graph)
        assert len(graph) == nodes
        name = raw.classes[label]
        assert graph.number_of_edges() - len(graph) + 1 == cycles[name]
        matcher = networkx.isomorphism.GraphMatcher(graph, networkx.Graph(MOTIFS[name]))
        assert matcher.subgraph_is_monomorphic()


def test_edges_go_both_ways_and_never_to_the_node_itself() -> None:
    raw = motif_graphs(40, 0.5, seed=1)
    forth = set(map(tuple, raw.edges.T.tolist()))
    assert len(forth) == raw.edges.shape[1]
    assert forth == set(map(tuple, raw.edges.flip(0).T.tolist()))
    assert not (raw.edges[0] == raw.edges[1]).any()


def test_it_is_named_synthetic(motifs: Data) -> None:
    dataset = GraphAdapter().datasets["motifs"]
    assert "synthetic" in dataset.summary
    assert "synthetic" in motifs.notes[0]
    assert dataset.fetch is None
    assert dataset.folder == ""
    assert motifs.classes == ("cycle", "grid", "house", "star")


@pytest.mark.parametrize("settings", [{"graphs": 31}, {"noise": 1.5}, {"noise": -0.1}])
def test_setting_out_of_range(settings: dict[str, float]) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(settings))}: .*expected"):
        GraphAdapter().datasets["motifs"].load(Path("unused"), Trial(), **settings)


def test_importing_the_adapter_does_not_import_pyg() -> None:
    code = (
        "import sys, mixup_multi_adapters.graphs as graphs; graphs.GraphAdapter();"
        "sys.exit('torch_geometric' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
