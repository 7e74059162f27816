"""A small trained model of each modality, and toy data, for what looks into models."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.evaluations import Subject
from mixup_multi.objectives.losses import loss_named

CASES: dict[str, tuple[str, dict[str, Any], str, dict[str, Any], str]] = {
    "tabular": ("sklearn_iris", {}, "mlp", {"widths": (16,)}, "hidden1"),
    "images": ("digits", {}, "small_cnn", {"width": 8}, "block3"),
    "speech": (
        *("tones", {"speakers": 6, "features": "log_mel", "mels": 20}),
        *("lenet", {"width": 0.1}, "classifier"),
    ),
    "graphs": ("motifs", {}, "gin", {"layers": 3, "hidden": 8, "head": "mlp"}, "hidden"),
}
"""Data set and model with their settings, and a hidden point that all methods can move."""


@cache
def trained(adapter: str) -> Subject:
    """Return a model after 40 steps on some 200 rows, or all where there are fewer."""
    name, settings, model_name, model_settings, _ = CASES[adapter]
    made = door.load_adapter(adapter)
    data: Data = made.datasets[name].load(Path(), Trial(), **settings)
    torch.manual_seed(0)
    model = made.models[model_name](data, **model_settings)
    batch = data.train.gather(torch.arange(len(data.train))[:: max(1, len(data.train) // 200)])
    loss = loss_named(data.loss)
    optimizer = torch.optim.Adam(model.parameters(), 0.01)
    for _ in range(40):
        optimizer.zero_grad()
        loss.value(model(batch.inputs), batch.targets).mean().backward()
        optimizer.step()
    optimizer.zero_grad()
    return Subject(lambda: model.eval(), data, loss, torch.device("cpu"))


def toy(model: nn.Module, inputs: Tensor, labels: Tensor, classes: int, **more: Any) -> Subject:
    """Return a model with data whose three parts are the same rows."""
    source = TensorSource(
        inputs,
        labels,
        classes,
        [str(row) for row in range(len(labels))],
        bounds=more.pop("bounds", Bounds(torch.ones(()))),
    )
    loss = "sigmoid" if classes == 1 else "softmax"
    names = tuple(str(name) for name in range(max(2, classes)))
    data = Data("toy", source, source, source, names, "toy", loss)
    return Subject(lambda: model.eval(), data, loss_named(loss), torch.device("cpu"))


def rows(n: int, d: int, seed: int = 0) -> Tensor:
    """Return normal rows in float64."""
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def labels(n: int, classes: int, seed: int = 1) -> Tensor:
    return torch.randint(classes, (n,), generator=torch.Generator().manual_seed(seed))


def net(d: int, classes: int, seed: int = 0) -> nn.Module:
    """Return a curved net in float64, with layers that are another thing in training."""
    torch.manual_seed(seed)
    layers = [nn.Linear(d, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Dropout(0.5)]
    model = nn.Sequential(*layers, nn.Linear(8, classes)).double()
    model(rows(64, d, seed=9))  # running statistics that are not those of any batch
    return model.eval()
