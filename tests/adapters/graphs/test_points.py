"""Mixing at GIN's points: what equals mixing logits, what does not, and how edits compose."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mixup_multi.engine.source import Data
from mixup_multi.errors import PointError
from mixup_multi.tree import Tree, tree_map
from mixup_multi_adapters.graphs import Gin, GraphBatch, gin

OWN = 0.3
PARTNER = torch.arange(12).roll(5)


def _mix(rows: Tensor) -> Tensor:
    return OWN * rows + (1 - OWN) * rows[PARTNER]


def _mix_tree(tree: Tree) -> Tree:
    return tree_map(_mix, tree)


def _append_mixed(tree: Tree) -> Tree:
    return tree_map(lambda rows: torch.cat([rows, _mix(rows)]), tree)


def _model(data: Data, head: str) -> Gin:
    torch.manual_seed(0)
    return gin(data, hidden=8, head=head).double().eval()


def test_with_the_linear_head_mixing_all_vectors_is_mixing_logits(
    motifs: Data, twelve: GraphBatch
) -> None:
    model = _model(motifs, "linear")
    mixed = model(twelve, edits={"readout": _mix_tree})
    expected = _mix(model(twelve))
    assert torch.allclose(mixed, expected, rtol=0, atol=1e-12 * expected.abs().max().item())


def test_in_training_mode_too_without_dropout(motifs: Data, twelve: GraphBatch) -> None:
    model = gin(motifs, hidden=8, dropout=0.0).double().train()
    expected = _mix(model(twelve))
    mixed = model(twelve, edits={"readout": _mix_tree})
    assert torch.allclose(mixed, expected, rtol=0, atol=1e-12 * expected.abs().max().item())


@pytest.mark.parametrize("layer", range(5))
def test_one_layer_mixes_its_share_of_the_logits(
    layer: int, motifs: Data, twelve: GraphBatch
) -> None:
    model = _model(motifs, "linear")
    logits = model(twelve)
    contribution = model.head.maps[layer](model.pooled(twelve)[layer])
    mixed = model(twelve, edits={f"pooled{layer}": _mix})
    expected = logits - contribution + _mix(contribution)
    assert torch.allclose(mixed, expected, rtol=0, atol=1e-12 * expected.abs().max().item())
    assert (mixed - _mix(logits)).abs().max() > 1e-3  # which is not mixing logits


@pytest.mark.parametrize("point", ["readout", "pooled2"])
def test_with_the_mlp_head_mixing_is_not_mixing_logits(
    point: str, motifs: Data, twelve: GraphBatch
) -> None:
    model = _model(motifs, "mlp")
    mixed = model(twelve, edits={point: _mix_tree})
    assert (mixed - _mix(model(twelve))).abs().max() > 1e-3


def test_hidden_is_before_the_last_map(motifs: Data, twelve: GraphBatch) -> None:
    model = _model(motifs, "mlp")
    mixed = model(twelve, edits={"hidden": _mix})
    assert torch.allclose(mixed, _mix(model(twelve)), rtol=0, atol=1e-9)
    assert model(twelve, edits={"hidden": torch.zeros_like}).unique(dim=0).shape == (1, 4)
    seen: list[Tensor] = []
    model(twelve, edits={"hidden": lambda h: seen.append(h) or h})
    assert seen[0].shape == (12, 8)
    assert seen[0].min() == 0  # after the ReLU


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_edit_that_changes_nothing_changes_no_bit(
    head: str, motifs: Data, twelve: GraphBatch
) -> None:
    model = _model(motifs, head)
    for point in model.points:
        assert torch.equal(model(twelve, edits={point: lambda h: h}), model(twelve))
    assert torch.equal(model(twelve, edits={}), model(twelve))


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_clean_and_mixed_rows_can_run_together(head: str, motifs: Data, twelve: GraphBatch) -> None:
    model = _model(motifs, head)
    for point in model.points:
        both = model(twelve, edits={point: _append_mixed})
        assert both.shape == (24, 4)
        assert torch.allclose(both[:12], model(twelve), rtol=0, atol=1e-10)
        assert torch.allclose(
            both[12:], model(twelve, edits={point: _mix_tree}), rtol=0, atol=1e-10
        )


def test_rows_that_do_not_fit_are_refused(motifs: Data, twelve: GraphBatch) -> None:
    with pytest.raises(PointError, match="gave 17 rows where another layer has 12"):
        _model(motifs, "linear")(twelve, edits={"pooled1": lambda h: torch.cat([h, h[:5]])})


def test_point_that_is_not_offered(motifs: Data, twelve: GraphBatch) -> None:
    with pytest.raises(PointError, match="'hidden', which this model does not offer"):
        _model(motifs, "linear")(twelve, edits={"hidden": _mix})
    with pytest.raises(PointError, match="'input'"):
        _model(motifs, "mlp")(twelve, edits={"input": _mix})


def test_gradient_flows_through_an_edit_twice(motifs: Data, twelve: GraphBatch) -> None:
    """What the exact regulariser of MixupE needs: a gradient in the edit, differentiated."""
    model = _model(motifs, "mlp")
    amount = torch.zeros(12, 1, dtype=torch.float64, requires_grad=True)
    logits = model(twelve, edits={"readout": lambda t: tree_map(lambda h: h - amount * h, t)})
    slope = torch.autograd.grad(logits.square().sum(), amount, create_graph=True)[0]
    slope.abs().mean().backward()
    weight = model.convolutions[0].mlp[0].weight
    assert weight.grad is not None
    assert weight.grad.abs().max() > 0
