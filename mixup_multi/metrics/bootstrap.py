"""Percentile intervals of the bootstrap (Efron 1979): n rows are drawn anew with replacement.

A sample is how often each row is drawn, so a metric of weighted rows sees many samples at once.
A metric that is biased, as the calibration error is, is biased once more in each sample: its
interval says how much the number would vary, not where the true one is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Generator, Tensor

from mixup_multi.errors import SettingError
from mixup_multi.metrics.weights import Metric

CHUNK = 2**22
"""How many weights are made at a time (32 MiB)."""


def intervals(
    metrics: Mapping[str, Metric],
    rows: int,
    samples: int,
    generator: Generator,
    *,
    level: float = 0.95,
    device: torch.device | None = None,
) -> dict[str, tuple[float, float]]:
    """Return each metric's interval: the quantiles (1 -+ level) / 2 over samples.

    All metrics see the same samples, those in which one is undefined (NaN) do not count for it,
    and where all are its interval is NaN.

    Args:
        metrics: by name.
        rows: n, how many rows they are of.
        samples: how many.
        generator: on the CPU.
        level: the share of samples within, in (0, 1).
        device: where the metrics compute.

    Raises:
        SettingError: a number is out of its range.
    """
    if samples < 1 or not 0 < level < 1:
        raise SettingError(
            f"samples is {samples} and level {level}: expected 1 or more, and a number in (0, 1)"
        )
    found: dict[str, list[Tensor]] = {name: [] for name in metrics}
    for weights in draws(rows, samples, generator):
        there = weights.to(device)
        for name, metric in metrics.items():
            found[name].append(metric(there).cpu())
    quantiles = torch.tensor([(1 - level) / 2, (1 + level) / 2], dtype=torch.float64)
    ends = {name: torch.cat(v).nanquantile(quantiles).tolist() for name, v in found.items()}
    return {name: (low, high) for name, (low, high) in ends.items()}


def draws(rows: int, samples: int, generator: Generator, chunk: int = CHUNK) -> Iterator[Tensor]:
    """Yield weights `(b, rows)`, of `samples` samples in all; how many at a time changes none."""
    size = max(1, chunk // rows)
    for start in range(0, samples, size):
        yield torch.stack(
            [
                torch.randint(rows, (rows,), generator=generator).bincount(minlength=rows)
                for _ in range(min(size, samples - start))
            ]
        ).double()
