"""A model's logits as a function of what flows at a point."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close
from trained import trained

from mixup_multi.attacks.surface import flow_at, surface_at
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError
from mixup_multi.points import Staged


def test_at_the_centre_it_is_the_model_wherever_one_looks() -> None:
    for adapter in ("tabular", "graphs"):
        subject = trained(adapter)
        batch = subject.gather("test", torch.arange(7))
        said = subject.model(batch.inputs)
        for point in subject.model.points:  # type: ignore[union-attr]
            surface = surface_at(subject.model, batch.inputs, point, None)
            assert surface.centre.shape[0] == 7
            assert surface.centre.dim() == 2
            assert not surface.centre.requires_grad
            assert_close(surface.logits(surface.centre), said)


def test_an_input_with_bounds_keeps_its_form() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(6, 2))
    x = torch.ones(4, 2, 3)
    surface = surface_at(model, x, "input", Bounds(torch.full((3,), 2.0, dtype=torch.float64)))
    assert surface.flat is None
    assert surface.centre.shape == (4, 2, 3)
    assert surface.bounds.unit.dtype == torch.float32
    assert_close(surface.logits(x + 1), model(x + 1))


def test_rows_hold_all_that_flows() -> None:
    class Two(nn.Module):
        def forward(self, x: Tensor) -> dict[str, Tensor]:
            return {"a": x, "b": (2 * x)[:, :, None]}

    class Sum(nn.Module):
        def forward(self, flow: dict[str, Tensor]) -> Tensor:
            return flow["a"] + flow["b"][:, :, 0]

    model, x = Staged({"input": Two(), "sum": Sum()}), torch.tensor([[1.0, 2.0]])
    assert set(flow_at(model, x, "sum")) == {"a", "b"}
    surface = surface_at(model, x, "sum", None)
    assert surface.centre.tolist() == [[1, 2, 2, 4]]
    assert surface.logits(torch.tensor([[1.0, 0, 0, 5]])).tolist() == [[1, 5]]


def test_what_cannot_be_moved_is_refused() -> None:
    graphs = trained("graphs")
    inputs = graphs.gather("test", torch.arange(3)).inputs

    class Plain(nn.Module):
        def forward(self, inputs: object) -> Tensor:
            return graphs.model(inputs)  # type: ignore[no-any-return]

    with pytest.raises(PointError, match="'input' cannot be moved a little .*got GraphBatch"):
        surface_at(Plain(), inputs, "input", None)
    codes = nn.Embedding(5, 2)
    with pytest.raises(PointError, match="it holds integers"):
        surface_at(codes, torch.tensor([0, 1]), "input", None)
