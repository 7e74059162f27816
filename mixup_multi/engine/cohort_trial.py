"""A trial pass: whether models stacked together say what each of them says alone.

It finds what cannot be read from a model: dropout that is called as a function, operations that
`torch.func` cannot map, and attributes in which models of equal structure differ.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mixup_multi.objectives.stacked import StackedModel
from mixup_multi.tree import Tree

TOLERANCE = 1e-3
"""Of logits and statistics: far above rounding, far below another computation."""
SLOW = "There is a performance drop"
"""How `torch.func` begins to say that it maps an operation by a loop."""


def disagreement(models: Sequence[nn.Module], inputs: Sequence[Tree], together: Tree) -> str | None:
    """Return why models cannot be stacked; None where they can.

    Args:
        models: of one structure; they are left as they are.
        inputs: a few rows `(n, ...)` for each.
        together: these rows as a stack gets them.
    """
    generators = [torch.Generator().manual_seed(member) for member in range(len(models))]
    with torch.random.fork_rng(), _as_they_were(models):
        for model in models:
            model.train()
        stack = StackedModel.of(models, generators)
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("error", message=SLOW)
                said = stack.logits(together).detach()
            pairs = enumerate(zip(models, inputs, strict=True))
            expected = [_alone(*pair, seed) for seed, pair in pairs]
        except (RuntimeError, ValueError, TypeError, NotImplementedError, UserWarning) as error:
            said_why = str(error).strip().partition("\n")[0]
            return f"the model cannot be stacked ({said_why})"
        buffers = [dict(model.named_buffers()) for model in models]
        found = [(said, torch.stack(expected))]
        found += [(s, torch.stack([b[name] for b in buffers])) for name, s in stack.buffers.items()]
        if not all(_near(*pair) for pair in found):
            return "a stack of the models does not say what each of them says alone"
    return None


def _alone(model: nn.Module, inputs: Tree, seed: int) -> Tensor:
    torch.manual_seed(seed)
    logits: Tensor = model(inputs).detach()
    return logits


@contextmanager
def _as_they_were(models: Sequence[nn.Module]) -> Iterator[None]:
    """Put the models' buffers and modes back at the end."""
    before = [(model.training, [b.clone() for b in model.buffers()]) for model in models]
    try:
        yield
    finally:
        for model, (training, buffers) in zip(models, before, strict=True):
            model.train(training)
            for buffer, kept in zip(model.buffers(), buffers, strict=True):
                buffer.copy_(kept)


def _near(a: Tensor, b: Tensor) -> bool:
    """Whether equal up to rounding; NaN and infinity, of bad data, are no disagreement."""
    if a.shape != b.shape:
        return False
    a, b = a.double(), b.double()
    size = torch.where(b.isfinite(), b, 0).abs().sum() / max(1, b.numel())
    return torch.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE * (1 + float(size)), equal_nan=True)
