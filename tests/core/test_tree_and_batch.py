"""Trees keep their shape, batches their targets, and nothing that was given is changed."""

from __future__ import annotations

from collections import OrderedDict, namedtuple

import pytest
import torch

from mixup_multi.batch import Batch, as_targets
from mixup_multi.tree import leaves, per_row, to_device, tree_map

Pair = namedtuple("Pair", ["left", "right"])


def test_tree_map_keeps_the_structure_and_pairs_leaves_by_place():
    tree = {"a": torch.ones(2), "b": (torch.zeros(2), [torch.full((2,), 3.0)])}
    other = {"b": (torch.ones(2), [torch.ones(2)]), "a": torch.full((2,), 5.0)}
    out = tree_map(torch.add, tree, other)
    assert list(out) == ["a", "b"]
    assert isinstance(out["b"], tuple)
    assert isinstance(out["b"][1], list)
    assert out["a"].tolist() == [6, 6]  # by key, not by order
    assert out["b"][0].tolist() == [1, 1]
    assert out["b"][1][0].tolist() == [4, 4]


def test_tree_map_rebuilds_a_named_tuple():
    out = tree_map(torch.neg, Pair(torch.ones(1), torch.zeros(1)))
    assert isinstance(out, Pair)
    assert out.left.item() == -1


def test_trees_of_unequal_length_are_not_zipped_short():
    with pytest.raises(ValueError, match=r"shorter|longer|zip"):
        tree_map(torch.add, (torch.ones(1), torch.ones(1)), (torch.ones(1),))


def test_leaves_come_in_order():
    tree = OrderedDict(a=torch.tensor(0), b=(torch.tensor(1), {"c": torch.tensor(2)}))
    assert [leaf.item() for leaf in leaves(tree)] == [0, 1, 2]


@pytest.mark.parametrize("walk", [lambda t: tree_map(torch.neg, t), lambda t: list(leaves(t))])
@pytest.mark.parametrize("tree", ["text", [torch.ones(1), None]])
def test_what_is_no_tree_is_named(walk, tree):
    with pytest.raises(TypeError, match=r"str|NoneType"):
        walk(tree)


def test_per_row_scales_rows_even_where_the_last_axis_has_as_many_entries():
    square = torch.ones(3, 2, 3)
    scaled = square * per_row(torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64), square)
    assert scaled.dtype == torch.float32
    assert scaled[:, 0, 0].tolist() == [1, 2, 3]
    assert scaled[1].unique().tolist() == [2]


def test_an_object_with_its_own_to_is_moved_by_it():
    class Graphs:
        def to(self, device):
            return f"graphs on {device}"

    assert to_device(Graphs(), "cpu") == "graphs on cpu"


def test_a_batch_counts_its_targets_not_its_inputs():
    batch = Batch({"nodes": torch.ones(9, 4), "of": torch.zeros(9)}, torch.ones(2, 3))
    assert len(batch) == 2
    moved = batch.to("cpu")
    assert len(moved) == 2
    assert torch.equal(moved.inputs["nodes"], batch.inputs["nodes"])


def test_as_targets_makes_one_hot_rows_and_passes_soft_ones():
    rows = as_targets(torch.tensor([2, 0]), 4, torch.float64)
    assert rows.tolist() == [[0, 0, 1, 0], [1, 0, 0, 0]]
    assert rows.dtype == torch.float64
    soft = torch.tensor([[0.25, 0.75]])
    assert torch.equal(as_targets(soft, 2), soft)
