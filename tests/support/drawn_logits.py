"""Logits and targets for tests of metrics."""

from __future__ import annotations

import torch
from torch import Tensor


def drawn(n: int, classes: int, *, soft: bool = False, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return logits `(n, c)` in float64, and targets that agree with them in part."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, classes, generator=generator, dtype=torch.float64)
    if soft:
        exponential = torch.empty_like(logits).exponential_(generator=generator)
        return logits, exponential / exponential.sum(1, keepdim=True)
    labels = torch.multinomial((logits / 1.7).softmax(1), 1, generator=generator).squeeze(1)
    return logits, torch.nn.functional.one_hot(labels, classes).double()


def sampled(n: int, classes: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Return calibrated predictions: labels are drawn from the probabilities themselves."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(n, classes, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator).squeeze(1)
    return logits, torch.nn.functional.one_hot(labels, classes).double()
