"""Features: labels, attributes fitted on training graphs, degrees, and whose vocabulary."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mixup_multi.engine.source import Trial
from mixup_multi.errors import SettingError
from mixup_multi_adapters.graphs import GraphAdapter
from mixup_multi_adapters.graphs.features import build_store
from mixup_multi_adapters.graphs.raw import RawGraphs
from mixup_multi_adapters.graphs.tables import read_table

FIRST_THREE = torch.tensor([True, True, True, False])
FIRST_ONLY = torch.tensor([True, False, False, False])


@pytest.fixture
def tiny(write_tiny: Callable[..., Path]) -> RawGraphs:
    return read_table(write_tiny(), "TINY")


def test_labels_are_one_hot_in_ascending_order(tiny: RawGraphs) -> None:
    x = build_store(tiny, FIRST_THREE, "auto", "all").joined().x
    assert x.dtype == torch.float32
    assert x.argmax(1).tolist() == [0, 0, 1, 0, 2, 2, 0, 0, 1, 1, 0]  # of the labels 3, 5, 9
    assert torch.equal(x.sum(1), torch.ones(11))


def test_degrees_are_one_hot_where_there_are_no_labels(write_tiny: Callable[..., Path]) -> None:
    raw = read_table(write_tiny(without="node_labels"), "TINY")
    x = build_store(raw, FIRST_THREE, "auto", "all").joined().x
    assert x.argmax(1).tolist() == [2, 2, 2, 1, 1, 0, 1, 2, 1, 1, 1]
    assert x.shape == (11, 3)


def test_vocabulary_of_training_graphs_gives_others_zeros(tiny: RawGraphs) -> None:
    store = build_store(tiny, FIRST_ONLY, "labels", "training")
    x = store.joined().x
    assert store.width == 2  # the first graph has labels 3 and 5
    assert x[4].tolist() == [0.0, 0.0]  # a node of label 9
    assert x[2].tolist() == [0.0, 1.0]


def test_attributes_are_standardised_by_training_graphs_only(tiny: RawGraphs) -> None:
    store = build_store(tiny, FIRST_THREE, "labels_and_attributes", "all")
    attributes = store.joined().x[:, 3:]
    train = attributes[:9].double()
    assert torch.allclose(train.mean(0), torch.zeros(3).double(), atol=1e-6)
    assert torch.allclose(train.std(0, correction=0)[:2], torch.ones(2).double(), atol=1e-6)
    assert torch.equal(attributes[:, 2], torch.zeros(11))  # a constant column
    fitted = tiny.node_attributes[:9, 1].double()
    expected = (tiny.node_attributes[9, 1].double() - fitted.mean()) / fitted.std(correction=0)
    assert attributes[9, 1].item() == pytest.approx(expected.item(), abs=1e-6)


def test_several_label_columns_have_a_block_each(write_tiny: Callable[..., Path]) -> None:
    root = write_tiny(
        node_labels=lambda lines: [f"{label}, {n % 2}" for n, label in enumerate(lines)]
    )
    x = build_store(read_table(root, "TINY"), FIRST_THREE, "labels", "all").joined().x
    assert x.shape == (11, 5)
    assert x[:3].tolist() == [[1, 0, 0, 1, 0], [1, 0, 0, 0, 1], [0, 1, 0, 1, 0]]


def test_attributes_without_labels(write_tiny: Callable[..., Path]) -> None:
    raw = read_table(write_tiny(without="node_labels"), "TINY")
    assert build_store(raw, FIRST_THREE, "labels_and_attributes", "all").joined().x.shape == (11, 3)


def test_constant_features(tiny: RawGraphs) -> None:
    x = build_store(tiny, FIRST_THREE, "constant", "all").joined().x
    assert torch.equal(x, torch.ones(11, 1))


@pytest.mark.parametrize("features", ["labels", "labels_and_attributes"])
def test_features_that_the_data_has_not(features: str, write_tiny: Callable[..., Path]) -> None:
    root = write_tiny(without="node_labels" if features == "labels" else "node_attributes")
    with pytest.raises(SettingError, match=f"{features}, but TINY has no node .*; choose auto"):
        build_store(read_table(root, "TINY"), FIRST_THREE, features, "all")


def test_proteins_with_attributes(real_graphs: Path) -> None:
    data = (
        GraphAdapter()
        .datasets["proteins"]
        .load(real_graphs, Trial(fold=0, folds=10), features="labels_and_attributes")
    )
    x = data.train.gather(torch.arange(len(data.train))).inputs.x
    assert x.shape[1] == data.facts["features"] == 4
    assert x[:, 3].double().mean().item() == pytest.approx(0, abs=1e-5)
    assert x[:, 3].double().std().item() == pytest.approx(1, abs=1e-4)


def test_imdb_degrees_are_those_of_the_graphs(real_graphs: Path) -> None:
    data = GraphAdapter().datasets["imdb_binary"].load(real_graphs, Trial(fold=3, folds=10))
    batch = data.test.gather(torch.arange(20)).inputs
    degree = torch.bincount(batch.edge_index[0], minlength=len(batch.x))
    column = batch.x.argmax(1)
    assert torch.equal(torch.argsort(degree.unique()), torch.argsort(column.unique()))
    for value in degree.unique():  # one column a degree
        assert len(column[degree == value].unique()) == 1
