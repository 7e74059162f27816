"""Gathering from packed storage, with PyG's collation as the oracle."""

from __future__ import annotations

import pytest
import torch
from torch_geometric.data import Batch as PygBatch
from torch_geometric.data import Data as PygData

from mixup_multi.engine.source import Data
from mixup_multi_adapters.graphs import GraphBatch, GraphStore, PackedGraphs


def _store(nodes: list[int], edge_counts: list[int], attributes: int) -> GraphStore:
    """Random graphs of the given sizes."""
    generator = torch.Generator().manual_seed(7)

    def draw(high: int, *shape: int) -> torch.Tensor:
        return torch.randint(high, shape, generator=generator)

    starts = [sum(nodes[:graph]) for graph in range(len(nodes))]
    sizes = zip(starts, nodes, edge_counts, strict=True)
    edges = [start + draw(max(n, 1), 2, e) for start, n, e in sizes]
    return GraphStore(
        kinds=draw(3, sum(nodes)),
        table=torch.eye(3),
        attributes=torch.rand(sum(nodes), attributes, generator=generator),
        edges=torch.cat(edges, 1),
        nodes=torch.tensor(nodes),
        edge_counts=torch.tensor(edge_counts),
    )


def _one_by_one(store: GraphStore) -> list[PygData]:
    """The store's graphs, cut out with a loop."""
    x = torch.cat([store.table[store.kinds], store.attributes], 1)
    runs = x.split(store.nodes.tolist()), store.edges.split(store.edge_counts.tolist(), 1)
    starts = (store.nodes.cumsum(0) - store.nodes).tolist()
    cut = zip(*runs, starts, strict=True)
    return [PygData(x=x, edge_index=edges - start) for x, edges, start in cut]


def _assert_equal(batch: GraphBatch, expected: PygBatch) -> None:
    assert torch.equal(batch.x, expected.x)
    assert torch.equal(batch.edge_index, expected.edge_index)
    assert torch.equal(batch.batch, expected.batch)
    assert batch.num_graphs == expected.num_graphs


STORE = _store([3, 1, 5, 2, 4], [6, 0, 11, 0, 2], attributes=2)


@pytest.mark.parametrize(
    "index",
    [[0, 1, 2, 3, 4], [4, 2, 0], [2, 2, 2], [1], [1, 3, 1], [3, 0, 3, 4, 4, 1, 2, 0]],
    ids=["all", "some", "repeated", "lone node", "no edges", "mixed"],
)
@pytest.mark.parametrize("attributes", [0, 2])
def test_gather_is_pygs_collation(index: list[int], attributes: int) -> None:
    store = _store([3, 1, 5, 2, 4], [6, 0, 11, 0, 2], attributes)
    graphs = _one_by_one(store)
    expected = PygBatch.from_data_list([graphs[i] for i in index])
    _assert_equal(store.take(torch.tensor(index)).joined(), expected)


def test_gather_of_random_sets_of_motifs(motifs: Data) -> None:
    assert isinstance(motifs.train, PackedGraphs)
    graphs = _one_by_one(motifs.train.store)
    generator = torch.Generator().manual_seed(1)
    for size in (1, 7, 128):
        index = torch.randint(len(graphs), (size,), generator=generator)
        batch = motifs.train.gather(index)
        expected = PygBatch.from_data_list([graphs[i] for i in index.tolist()])
        _assert_equal(batch.inputs, expected)
        assert torch.equal(batch.targets.argmax(1), motifs.train.labels[index])
        assert batch.targets.shape == (size, 4)
        assert len(batch) == size


def test_empty_graph_keeps_its_place() -> None:
    batch = _store([2, 0, 1], [1, 0, 0], attributes=0).joined()
    assert batch.batch.tolist() == [0, 0, 2]
    assert batch.num_graphs == 3


def test_taking_twice_is_taking_the_product() -> None:
    once = STORE.take(torch.tensor([4, 1, 2])).take(torch.tensor([2, 0]))
    twice = STORE.take(torch.tensor([2, 4])).joined()
    assert torch.equal(once.joined().x, twice.x)
    assert torch.equal(once.joined().edge_index, twice.edge_index)


def test_gather_leaves_the_store_as_it_was(motifs: Data) -> None:
    before = motifs.train.store.edges.clone()
    batch = motifs.train.gather(torch.tensor([0, 1])).inputs
    batch.x.add_(1)
    batch.edge_index.add_(1)
    assert torch.equal(motifs.train.store.edges, before)
    assert torch.equal(motifs.train.store.table, torch.eye(motifs.train.store.table.shape[0]))


def test_device_moves(motifs: Data) -> None:
    moved = motifs.train.to("meta").store
    assert moved.edges.device.type == moved.kinds.device.type == "meta"
    assert moved.nodes.device.type == "cpu"  # sizes stay where they are asked for
    batch = STORE.joined().to("meta")
    assert batch.x.device.type == batch.batch.device.type == "meta"
    assert batch.num_graphs == 5


def test_source_has_no_mean_and_stable_ids(motifs: Data) -> None:
    assert motifs.train.mean() is None
    assert len(motifs.train.ids) == len(motifs.train) == 272
    assert sorted(map(int, [*motifs.train.ids, *motifs.test.ids])) == list(range(300))


def test_to_pyg() -> None:
    batch = STORE.take(torch.tensor([1, 0, 4])).joined()
    converted = batch.to_pyg()
    assert isinstance(converted, PygBatch)
    _assert_equal(batch, converted)
    assert converted.ptr.tolist() == [0, 1, 4, 8]
    assert converted.num_nodes == 8


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gather_on_cuda_is_gather_on_the_cpu(motifs: Data) -> None:
    index = torch.tensor([3, 3, 9, 0])
    here, there = motifs.train.gather(index), motifs.train.to("cuda").gather(index)
    assert there.inputs.x.device.type == "cuda"
    _assert_equal(there.inputs.to("cpu"), here.inputs.to_pyg())
