"""The small networks of analyses, and their training."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.engine.cache import content_key
from mixup_multi.engine.record import diverged
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.engine.training import Training
from mixup_multi.objectives.objective import Memory, Objective
from mixup_multi.points import Staged
from mixup_multi.streams import seed_of, stream

ACTIVATIONS: Mapping[str, type[nn.Module]] = MappingProxyType(
    {"relu": nn.ReLU, "softplus": nn.Softplus, "tanh": nn.Tanh}
)


def network(
    inputs: int, outputs: int, widths: Sequence[int], activation: str, *, seed: int, bias: bool
) -> Staged:
    """Return a network of linear layers, from its own seed; with no widths it is linear.

    Its points are `input` and the entrance of each further layer.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(seed, "init"))
        sizes = [inputs, *widths, outputs]
        stages: dict[str, nn.Module] = {}
        for number, (before, after) in enumerate(itertools.pairwise(sizes)):
            layer = nn.Linear(before, after, bias=bias)
            name = f"layer{number}" if number else "input"
            last = number == len(widths)
            stages[name] = layer if last else nn.Sequential(layer, ACTIVATIONS[activation]())
        return Staged(stages)


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """Put a model in evaluation mode, and then back as it was."""
    was_training = model.training
    try:
        yield model.eval()
    finally:
        model.train(was_training)


def recorded_steps(steps: int, number: int) -> list[int]:
    """Return 0, `steps` and steps between them, at most `number`, evenly spaced in log(1 + t)."""
    places = np.expm1(np.linspace(0, np.log1p(steps), number))
    return sorted({round(place) for place in places} | {0, steps})


def trained(
    model: nn.Module,
    inputs: Tensor,
    targets: Tensor,
    objective: Objective,
    *,
    steps: Sequence[int],
    lr: float,
    seed: int,
) -> Iterator[int]:
    """Train on the whole table in each step, by Adam, and stop at each of `steps` to be looked at.

    Raises:
        DivergedError: the loss is no longer a finite number.
        PointError: the model does not offer what the method asks for.
    """
    generator = stream(seed, "mix")
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    batch = Batch(inputs, targets, torch.arange(len(targets)))
    objective = objective.fit(Training(_data_of(inputs, targets)))
    objective.check(model)
    memory: Memory = {}
    looked_at = set(steps)
    for step in range(max(steps) + 1):
        if step in looked_at:
            yield step
        terms = objective(model, batch, generator, memory)
        if not bool(torch.isfinite(terms.total)):
            raise diverged(f"the loss is {float(terms.total)} at step {step}", None)
        optimizer.zero_grad()
        terms.total.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        memory = terms.memory


def _data_of(inputs: Tensor, targets: Tensor) -> Data:
    """Return a table as a data set, for what an objective asks of its training part."""
    ids = [f"row-{i}" for i in range(len(targets))]
    source = TensorSource(inputs, targets, targets.shape[1], ids)
    classes = tuple(map(str, range(targets.shape[1])))
    return Data("table", source, source, None, classes, content_key(inputs, targets))
