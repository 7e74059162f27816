"""The small batch and net on which MixupE is compared with its equations, in float64."""

from __future__ import annotations

import torch
from torch import nn

from mixup_multi.batch import Batch, as_targets

N, CLASSES, ALPHA = 8, 4, 2.0
C = ALPHA / (2 * ALPHA + 1)


def data(seed: int = 0) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    inputs = 2 * torch.randn(N, 3, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (N,), generator=generator)
    return Batch(inputs, as_targets(labels, CLASSES, torch.float64))


def mlp() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 9), nn.Tanh(), nn.Linear(9, CLASSES)).double()
