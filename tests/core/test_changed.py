"""What every change of rows owes the objective within it: fitting, checks, memory."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import PointError
from mixup_multi.mix import Mix
from mixup_multi.objectives import Changed, Cutout, Draw, Gaussian, LabelSmoothing, Objective, Terms
from mixup_multi.streams import stream


@dataclass(frozen=True)
class Inner(Objective):
    """Counts its steps in the memory between steps, and refuses every model."""

    fitted: bool = False

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        return Draw(Mix.identity(len(targets)))

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        steps = draw.memory.get("steps", torch.zeros(()))
        return Terms(model(batch.inputs).sum(), memory={"steps": steps + 1})

    def fit(self, train: object) -> Inner:
        return replace(self, fitted=True)

    def check(self, model: nn.Module) -> None:
        raise PointError("checked")


class Part:
    def bounds(self) -> None:
        return None


@pytest.mark.parametrize("kind", [Cutout, Gaussian, LabelSmoothing])
def test_the_method_within_is_fitted_checked_and_given_its_memory(kind: type[Changed]) -> None:
    method = kind(Inner()).fit(Part())
    assert method.inner == Inner(fitted=True)
    with pytest.raises(PointError, match="checked"):
        method.check(nn.Flatten())
    data = Batch(torch.ones(2, 1, 4, 4), torch.ones(2, 2))
    terms = method(nn.Flatten(), data, stream(0, "mix"), {"steps": torch.tensor(4.0)})
    assert terms.memory["steps"] == 5
