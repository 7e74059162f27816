"""A small trained model with its data, about which evaluations are asked where nobody gives one."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from mixup_multi.engine.shift import Deformation, Shift, Shifts
from mixup_multi.engine.shifted import Draws, changed
from mixup_multi.engine.source import Data, Source, TensorSource
from mixup_multi.evaluations.evaluation import Subject
from mixup_multi.objectives.losses import loss_named
from mixup_multi.points import Staged
from mixup_multi.testing.probes import training_on


class Noise(Shift):
    """Normal noise of 0.2 times the severity."""

    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return noisy rows."""
        if severity == 0:
            return source

        def noisy(x: Tensor, draws: Draws) -> Tensor:
            return x + 0.2 * severity * draws.normal(*x.shape[1:]).to(x)

        return changed(cast(TensorSource, source), noisy, f"noise/{severity}", seed)


class Stretch(Deformation):
    """Rows are made larger, by up to `extent` percent."""

    def of(self, source: Source, extent: float, seed: int, *, exact: bool) -> Source:  # noqa: ARG002
        """Return larger rows."""

        def larger(x: Tensor, draws: Draws) -> Tensor:
            return x * (1 + extent / 100 * draws.uniform(1).to(x))

        return changed(cast(TensorSource, source), larger, "stretch", seed)


def trained() -> Subject:
    """Return a net after some steps on rows of three classes, which overlap."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 3
    centres = torch.randn(3, 4, generator=generator)
    rows = centres[labels] + torch.randn(90, 4, generator=generator)

    def part(index: slice, name: str) -> TensorSource:
        source = training_on(rows[index], torch.eye(3)[labels[index]]).data.train
        assert isinstance(source, TensorSource)
        names = [f"{name} {row}" for row in range(len(source))]
        return TensorSource(source.inputs, labels[index], 3, names, bounds=source.bounds)

    train, validation, test = (
        part(slice(start, start + 30), name)
        for start, name in ((0, "train"), (30, "validation"), (60, "test"))
    )
    shifts = Shifts(made={"noise": Noise()}, deformations={"stretch": Stretch()})
    classes = ("a", "b", "c")
    data = Data("probe", train, test, validation, classes, "probe", shifts=shifts)
    net = _net(train)
    return Subject(lambda: net, data, loss_named("softmax"), torch.device("cpu"))


def _net(train: TensorSource) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        stages = {
            "input": nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.Tanh()),
            "hidden": nn.Sequential(nn.Dropout(0.2), nn.Linear(16, 3)),
        }
        net = Staged(stages)
        optimizer = torch.optim.Adam(net.parameters(), 0.02)
        batch = train.gather(torch.arange(len(train)))
        for _ in range(20):
            optimizer.zero_grad()
            loss_named("softmax").value(net(batch.inputs), batch.targets).mean().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        optimizer.zero_grad()
    return net.eval()
