"""GIN: an independent PyG model with the same weights, and the symmetries of graphs."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from torch_geometric.nn import GINConv, global_add_pool, global_mean_pool

from mixup_multi.engine.source import Data
from mixup_multi.errors import SettingError
from mixup_multi_adapters.graphs import Gin, GraphBatch, gin


class _PygGin(nn.Module):
    """The protocol's network on PyG's own convolution and pooling, with `ours`' weights."""

    def __init__(self, ours: Gin, width: int, hidden: int, classes: int, learn_eps: bool) -> None:
        super().__init__()
        self.pool = global_add_pool if ours.readout == "sum" else global_mean_pool
        widths = [width, *[hidden] * len(ours.convolutions)]
        self.convs = nn.ModuleList(
            GINConv(self._mlp(into, hidden), train_eps=learn_eps) for into in widths[:-1]
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(hidden) for _ in ours.convolutions)
        self.maps = nn.ModuleList(nn.Linear(into, classes) for into in widths)
        self.double().train(ours.training)
        self.maps.load_state_dict(ours.head.maps.state_dict())
        for conv, norm, convolution in zip(self.convs, self.norms, ours.convolutions, strict=True):
            conv.nn.load_state_dict(convolution.mlp.state_dict())
            norm.load_state_dict(convolution.norm.state_dict())
            if learn_eps:
                conv.eps.data.fill_(convolution.eps.item())

    @staticmethod
    def _mlp(width: int, hidden: int) -> nn.Sequential:
        return nn.Sequential(
            nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, hidden)
        )

    def forward(self, graphs: GraphBatch) -> Tensor:
        h = graphs.x
        scores = self.maps[0](self.pool(h, graphs.batch, graphs.num_graphs))
        for conv, norm, map_ in zip(self.convs, self.norms, self.maps[1:], strict=True):
            h = norm(conv(h, graphs.edge_index)).relu()
            scores = scores + map_(self.pool(h, graphs.batch, graphs.num_graphs))
        return scores


def _perturbed(model: Gin) -> Gin:
    """Give running statistics, norms and eps values that a mistake would show with."""
    generator = torch.Generator().manual_seed(3)
    for tensor in (*model.parameters(), *model.buffers()):
        if tensor.is_floating_point():
            tensor.data += 0.2 * torch.rand(tensor.shape, generator=generator, dtype=tensor.dtype)
    return model


@pytest.mark.parametrize("train", [True, False])
@pytest.mark.parametrize("readout", ["sum", "mean"])
@pytest.mark.parametrize("learn_eps", [True, False])
def test_equals_a_pyg_model(
    train: bool, readout: str, learn_eps: bool, motifs: Data, twelve: GraphBatch
) -> None:
    torch.manual_seed(0)
    built = gin(motifs, hidden=8, readout=readout, dropout=0.0, learn_eps=learn_eps)
    ours = _perturbed(built.double()).train(train)
    theirs = _PygGin(ours, twelve.x.shape[1], 8, 4, learn_eps)
    logits, expected = ours(twelve), theirs(twelve)
    assert logits.shape == (12, 4)
    assert torch.allclose(logits, expected, rtol=0, atol=1e-10 * expected.abs().max().item())
    weight = ours.convolutions[0].mlp[0].weight
    gradient = torch.autograd.grad(logits.square().sum(), weight)[0]
    expected_gradient = torch.autograd.grad(expected.square().sum(), theirs.convs[0].nn[0].weight)[
        0
    ]
    assert torch.allclose(gradient, expected_gradient, rtol=1e-9)


def test_sizes_are_the_protocols(motifs: Data) -> None:
    model = gin(motifs)
    width = motifs.facts["features"]
    assert len(model.convolutions) == 4  # five layers, the input among them
    assert [map_.in_features for map_ in model.head.maps] == [width, 64, 64, 64, 64]
    assert all(map_.out_features == 4 for map_ in model.head.maps)
    kinds = [type(module).__name__ for module in model.convolutions[0].mlp]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear"]
    assert model.head.dropout.p == 0.5
    assert not [name for name, _ in model.named_parameters() if "eps" in name]
    assert model.points == ("readout", *(f"pooled{layer}" for layer in range(5)))


@pytest.mark.parametrize(("layers", "mlp_layers"), [(1, 1), (2, 1), (3, 3)])
@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_other_sizes_run(
    layers: int, mlp_layers: int, head: str, motifs: Data, twelve: GraphBatch
) -> None:
    model = gin(motifs, layers=layers, mlp_layers=mlp_layers, hidden=6, head=head)
    logits = model.double()(twelve)
    assert logits.shape == (12, 4)
    logits.sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize("head", ["linear", "mlp"])
def test_numbering_of_nodes_does_not_matter(head: str, motifs: Data, twelve: GraphBatch) -> None:
    model = _perturbed(gin(motifs, hidden=8, head=head).double()).eval()
    generator = torch.Generator().manual_seed(0)
    new = torch.randperm(len(twelve.x), generator=generator)
    shuffled = replace(
        twelve,
        x=torch.empty_like(twelve.x).index_copy(0, new, twelve.x),
        edge_index=new[twelve.edge_index][:, torch.randperm(twelve.edge_index.shape[1])],
        batch=torch.empty_like(twelve.batch).index_copy(0, new, twelve.batch),
    )
    expected = model(twelve)
    assert torch.allclose(
        model(shuffled), expected, rtol=0, atol=1e-9 * expected.abs().max().item()
    )


def test_a_graphs_logits_do_not_depend_on_the_others(motifs: Data) -> None:
    model = gin(motifs, hidden=8).double().eval()
    index = torch.tensor([5, 17, 3])
    together = motifs.train.gather(index).inputs
    for row, graph in enumerate(index):
        alone = motifs.train.gather(graph[None]).inputs
        logits = model(replace(alone, x=alone.x.double()))
        whole = model(replace(together, x=together.x.double()))
        assert torch.allclose(logits[0], whole[row], rtol=0, atol=1e-10)


def test_takes_a_pyg_batch(motifs: Data, twelve: GraphBatch) -> None:
    model = gin(motifs, hidden=8).double().eval()
    assert torch.equal(model(twelve.to_pyg()), model(twelve))


def test_training_lowers_the_error(motifs: Data) -> None:
    torch.manual_seed(0)
    model = gin(motifs, hidden=16, dropout=0.0)
    optimiser = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(8):
        for index in torch.randperm(len(motifs.train)).split(32):
            batch = motifs.train.gather(index)
            loss = nn.functional.cross_entropy(model(batch.inputs), batch.targets)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    batch = motifs.test.gather(torch.arange(len(motifs.test)))
    error = (model.eval()(batch.inputs).argmax(1) != batch.targets.argmax(1)).float().mean()
    assert error < 0.5  # always naming one class has an error of 0.75


@pytest.mark.parametrize(
    "settings", [{"layers": 0}, {"hidden": 0}, {"mlp_layers": 0}, {"dropout": 1.0}]
)
def test_setting_out_of_range(settings: dict[str, float], motifs: Data) -> None:
    with pytest.raises(SettingError, match=f"{next(iter(settings))}: .*expected"):
        gin(motifs, **settings)
