"""A plain PyTorch Geometric model and its loader, mixed at the readout by name."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch_geometric.data import Batch as PygBatch
from torch_geometric.data import Data
from torch_geometric.loader import DataLoader
from torch_geometric.nn import GIN, global_add_pool

from mixup_multi import staged
from mixup_multi.errors import PointError
from mixup_multi.integrations import Method
from mixup_multi.integrations.loop.training_part import training_part

CLASSES = 3


class Classifier(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.gin = GIN(4, 8, num_layers=2)
        self.head = nn.Sequential(nn.Linear(8, 8), nn.ReLU(inplace=True), nn.Linear(8, CLASSES))

    def forward(self, data: PygBatch) -> Tensor:
        return self.head(self.pooled(data))

    def pooled(self, data: PygBatch) -> Tensor:
        h = self.gin(data.x, data.edge_index)
        return global_add_pool(h, data.batch, size=data.num_graphs)


def graphs(count: int = 7) -> list[Data]:
    generator = torch.Generator().manual_seed(0)
    made = []
    for number in range(count):
        nodes = number % 3 + 2
        edges = torch.randint(nodes, (2, 3 * nodes), generator=generator)
        x = torch.randn(nodes, 4, generator=generator)
        made.append(Data(x=x, edge_index=edges, y=torch.tensor([number % CLASSES])))
    return made


def test_graphs_are_mixed_at_the_readout():
    net = Classifier().double()
    model = staged(net, at=["head"], input=False)
    method = Method("mixup", classes=CLASSES, alpha=1.0)
    generator = torch.Generator()
    for data in DataLoader(graphs(), batch_size=7):
        data.x = data.x.double()
        generator.set_state(method.state_dict()["generator"])
        mix = method.objective.draw(functional.one_hot(data.y, CLASSES).double(), generator).mix
        pooled, rows = net.pooled(data), functional.one_hot(data.y, CLASSES).double()
        mixed = mix.own * pooled + (1 - mix.own) * pooled[mix.partner]
        soft = mix.own * rows + (1 - mix.own) * rows[mix.partner]
        expected = functional.cross_entropy(net.head(mixed), soft)
        torch.testing.assert_close(method(model, data, data.y), expected)


@pytest.mark.parametrize(
    "name", ["erm", "mixup", "manifold_mixup", "mixupe", "mixupe_exact", "batchout", "layerwise"]
)
def test_every_method_trains_in_a_plain_loop(name):
    model = staged(Classifier(), at=["head"], input=False)
    settings = {"eps": 0.1} if name == "layerwise" else {}
    method = Method(name, classes=CLASSES, **settings)
    optimizer = torch.optim.SGD(model.parameters(), 0.01)
    for _ in range(2):
        for data in DataLoader(graphs(8), batch_size=4):
            optimizer.zero_grad()
            method(model, data, data.y).backward()
            optimizer.step()
    assert all(bool(torch.isfinite(p).all()) for p in model.parameters())
    assert method.record()["loss"] > 0


def test_nodes_of_different_graphs_do_not_correspond():
    method, data = Method("mixup", classes=CLASSES), PygBatch.from_data_list(graphs())
    with pytest.raises(PointError, match="no tensors flow .*choose another point"):
        method(staged(Classifier(), at=["head"]), data, data.y)


def test_a_training_part_of_graphs_has_no_mean():
    assert training_part(DataLoader(graphs(), batch_size=3)).mean() is None
    model = staged(Classifier(), at=["head"], input=False)
    data = PygBatch.from_data_list(graphs())
    fitted = Method("mixupe_exact", classes=CLASSES).fit(DataLoader(graphs(), batch_size=3))
    without = Method("mixupe_exact", classes=CLASSES)
    assert torch.equal(fitted(model, data, data.y), without(model, data, data.y))
