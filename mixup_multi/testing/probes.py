"""Small models and batches on which members are tried where nobody gives others."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch, Joint, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi.points import Staged
from mixup_multi.tree import Tree, take_rows, tree_map

CLASSES = 3
SIZES = (1, 2, 7)
"""Numbers of rows: alone, a pair, and a number that is neither even nor a power of two."""


@dataclass(frozen=True)
class Probe:
    """A form of inputs, with a model that reads them.

    Attributes:
        name: for messages.
        build: `build(outputs)`: a fresh model, always with the same weights.
        inputs: `inputs(n)`: always the same n examples.
        classes: the number of classes.
        free: whether models of any number of outputs can be built.
        given: the batch that a user gave.
    """

    name: str
    build: Callable[[int], nn.Module]
    inputs: Callable[[int], Tree]
    classes: int = CLASSES
    free: bool = True
    given: Batch | None = None

    def model(self, outputs: int | None = None) -> nn.Module:
        """Return a fresh model."""
        return self.build(outputs or self.classes)

    def batch(self, n: int) -> Batch:
        """Return n examples; every class occurs in turn."""
        if self.given is not None:
            return Batch(self.inputs(n), self.given.targets[_wrapped(n, len(self.given))].clone())
        return Batch(self.inputs(n), as_targets(torch.arange(n) % self.classes, self.classes))

    def training(self) -> Training:
        """Return a training part; its mean is zero, and inputs have bounds."""
        if self.given is not None:
            return training_on(self.inputs(len(self.given)), self.given.targets)
        half = self.inputs(12)
        inputs = tree_map(lambda leaf: torch.cat([leaf, -leaf]), half)
        return training_on(inputs, as_targets(torch.arange(24) % self.classes, self.classes))


def training_on(inputs: Tree, targets: Tensor | None = None) -> Training:
    """Return a training part of inputs in floating point, with a range that holds them all."""
    if targets is None:
        targets = as_targets(torch.arange(len(inputs)) % CLASSES, CLASSES)
    n, columns = targets.shape
    bounds = None
    if isinstance(inputs, Tensor) and inputs.is_floating_point():
        reach = float(inputs.abs().max()) + 1
        unit, high = torch.ones((), dtype=inputs.dtype), torch.tensor(reach, dtype=inputs.dtype)
        bounds = Bounds.between(-high, high, unit, inputs[0], "the probe's own units")
    source = TensorSource(inputs, targets, columns, [str(row) for row in range(n)], bounds=bounds)
    names = tuple(f"class {column}" for column in range(columns))
    return Training(Data("probe", source, source, None, names, "probe"))


def _preserving(build: Callable[[int], nn.Module]) -> Callable[[int], nn.Module]:
    """Return `build` with weights of its own seed, torch's global generator staying as it is."""

    def seeded(outputs: int) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return build(outputs)

    return seeded


def _conv(outputs: int) -> nn.Module:
    stages = {
        "input": nn.Conv2d(2, 4, 3, padding=1),
        "hidden": nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3)),
        "head": nn.Sequential(nn.Tanh(), nn.Flatten(), nn.Linear(48, outputs)),
    }
    return Staged(stages, points=("input", "hidden"))


def _mlp(outputs: int) -> nn.Module:
    stages = {"input": nn.Linear(4, 8), "hidden": nn.Sequential(nn.ReLU(), nn.Linear(8, outputs))}
    return Staged(stages)


def _plain(outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, outputs))


def _linear(outputs: int) -> nn.Module:
    pool = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())
    stages = {"input": nn.Identity(), "hidden": pool, "head": nn.Linear(CLASSES, outputs)}
    return Staged(stages, points=("input", "hidden"))


def _indicators(n: int) -> Tensor:
    rows = torch.eye(CLASSES)[torch.arange(n) % CLASSES]
    return rows[:, :, None, None].expand(n, CLASSES, 6, 6).clone()


def _normal(*shape: int) -> Callable[[int], Tensor]:
    def inputs(n: int) -> Tensor:
        return torch.randn(n, *shape, generator=torch.Generator().manual_seed(n))

    return inputs


IMAGES = Probe("images (n, 2, 6, 5)", _preserving(_conv), _normal(2, 6, 5))
ROWS = Probe("rows (n, 4)", _preserving(_mlp), _normal(4))
PLAIN = Probe("rows (n, 4) of a model without points", _preserving(_plain), _normal(4))
PROBES = (IMAGES, ROWS)
INDICATORS = Probe(
    "images that are 1 in the channel of their class", _preserving(_linear), _indicators
)
"""The pooled image says what a row is made of, and the model is linear in it."""


def probe_of(model: nn.Module, batch: Batch) -> Probe:
    """Return the probe that a user's own model and batch are."""

    def inputs(n: int) -> Tree:
        index = _wrapped(n, len(batch))
        if isinstance(batch.inputs, Joint):
            return batch.inputs.examples_at(index)
        return tree_map(lambda leaf: take_rows(leaf, index), batch.inputs)

    def build(_: int) -> nn.Module:
        return copy.deepcopy(model)

    return Probe("the given batch", build, inputs, batch.targets.shape[1], False, batch)


def with_norms(probe: Probe) -> nn.Module:
    """Return a probe's model with a BatchNorm behind its first layer, in training mode."""
    net = probe.model()
    for parent in net.modules():
        for name, part in parent.named_children():
            if isinstance(part, nn.Conv2d):
                setattr(parent, name, nn.Sequential(part, nn.BatchNorm2d(part.out_channels)))
                return net
            if isinstance(part, nn.Linear):
                setattr(parent, name, nn.Sequential(part, nn.BatchNorm1d(part.out_features)))
                return net
    return net


def probes_for(model: nn.Module | None, batch: Batch | None) -> tuple[Probe, ...]:
    """Return what members are tried on: a user's own model and batch, or ours.

    Raises:
        SettingError: only one of the two is given.
    """
    if model is None and batch is None:
        return PROBES
    if model is None or batch is None:
        raise SettingError("only one of model and batch is given: expected both, or neither")
    return (probe_of(model, batch),)


def _wrapped(n: int, rows: int) -> Tensor:
    return torch.arange(n) % rows
