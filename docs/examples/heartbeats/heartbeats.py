"""Heartbeats: single beats of an electrocardiogram, as series `(n, 1, length)`.

Synthetic ones, which need no download, and the sets of the UCR archive, such as ECG200.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Generator, Tensor, nn

from mixup_multi.engine.examples import Examples, data_from
from mixup_multi.engine.shifted import Draws
from mixup_multi.engine.source import Data, Dataset, Trial
from mixup_multi.errors import DataError, MissingDataError
from mixup_multi.points import Staged

LENGTH = 96
# A beat is a sum of bells (McSharry et al. 2003): when (s), how high (mV), how wide (s).
P, R = (-0.17, 0.15, 0.025), (0, 1.2, 0.012)
KINDS = {
    "normal": [P, R, (0.03, -0.25, 0.012), (0.26, 0.3, 0.045)],
    "premature": [(0, 1.2, 0.035), (0.09, -0.4, 0.04), (0.28, -0.25, 0.05)],
    "bundle branch block": [P, (0, 0.8, 0.014), (0.06, 0.9, 0.02), (0.26, -0.2, 0.045)],
    "ischaemia": [P, R, (0.12, -0.2, 0.06), (0.26, -0.1, 0.045)],
}


def synthetic(beats: int, generator: Generator) -> tuple[Tensor, Tensor]:
    """Return series of 0.8 s, `(beats, 1, LENGTH)`, of hearts at 50 to 110 a minute, and labels."""
    labels = torch.arange(beats) % len(KINDS)
    rate = 50 + 60 * torch.rand(beats, 1, generator=generator)
    time = torch.linspace(-0.3, 0.5, LENGTH) * (rate / 70).sqrt()
    series = 0.15 * torch.randn(beats, LENGTH, generator=generator)
    for label, waves in enumerate(KINDS.values()):
        rows = labels == label
        for centre, height, width in waves:
            size = height * (1 + 0.25 * torch.randn(int(rows.sum()), 1, generator=generator))
            series[rows] += size * (-((time[rows] - centre) ** 2) / (2 * width**2)).exp()
    return series[:, None], labels


def shift_in_time(series: Tensor, generator: Generator) -> Tensor:
    """Move each training series by up to 4 steps, either way; its ends are repeated."""
    steps = torch.randint(-4, 5, (len(series), 1, 1), generator=generator)
    places = (torch.arange(series.shape[2]) - steps).clamp(0, series.shape[2] - 1)
    return series.gather(2, places.to(series.device).expand_as(series))


def baseline_wander(series: Tensor, draws: Draws, severity: int) -> Tensor:
    """Add a slow wave, as breathing does, of .2 .4 .6 .8 1 standard deviations."""
    turns, phase = draws.uniform(1, 1, low=0.5, high=2), draws.uniform(1, 1)
    time = torch.linspace(0, 1, series.shape[2], device=series.device)
    return series + 0.2 * severity * (2 * torch.pi * (turns * time + phase)).sin()


series_data = partial(data_from, augment=shift_in_time, corruptions=[baseline_wander])


def beats(root: Path, trial: Trial, *, number: int = 800, validation: float = 0.0) -> Data:  # noqa: ARG001
    """Generate a `number` of beats, of which a fifth is for testing."""
    examples = Examples.numbered("beat", *synthetic(number, torch.Generator().manual_seed(0)))
    notes = ["synthetic: generated heartbeats, not recordings of patients"]
    return series_data("beats", examples, list(KINDS), trial, validation=validation, notes=notes)


def ucr(root: Path, trial: Trial, *, table: str, validation: float = 0.0) -> Data:
    """Read a `table` of the archive in its published parts; a share of training may validate."""
    folder = root / "UCRArchive_2018" / table
    rows = {part: read_rows(folder / f"{table}_{part}.tsv") for part in ("TRAIN", "TEST")}
    labels = np.unique(np.concatenate([part[:, 0] for part in rows.values()]))
    train, test = (
        Examples.numbered(name, part[:, None, 1:], np.searchsorted(labels, part[:, 0]))
        for name, part in rows.items()
    )
    classes = [f"{label:g}" for label in labels]
    return series_data(table, train, classes, trial, test=test, validation=validation)


def read_rows(path: Path) -> NDArray[np.float64]:
    """Return rows of a label and its series."""
    if not path.is_file():
        raise MissingDataError(f"no {path}: unpack the UCR archive below the data root")
    try:
        return np.loadtxt(path, delimiter="\t", ndmin=2)
    except ValueError as error:
        raise DataError(f"{path}: expected lines of a label and numbers: {error}") from error


def cnn(data: Data, *, width: int = 32) -> Staged:
    """Three blocks of convolution over time; points `input`, `block2`, `block3`, `head`."""

    def block(channels: int) -> nn.Module:
        convolution = nn.Conv1d(channels, width, 7, padding=3, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(2))

    pooled = nn.Sequential(nn.AdaptiveAvgPool1d(1), nn.Flatten())
    head = nn.Sequential(pooled, nn.Linear(width, len(data.classes)))
    first = block(data.facts["shape"][0])
    return Staged({"input": first, "block2": block(width), "block3": block(width), "head": head})


class Heartbeats:
    """Single heartbeats, as series `(n, 1, length)`."""

    datasets: Mapping[str, Dataset] = {
        "beats": Dataset("synthetic: heartbeats of four kinds; no download", beats),
        "ucr": Dataset("a set of the UCR archive (setting: table)", ucr, size="your own"),
    }
    models: Mapping[str, Callable[..., nn.Module]] = {"cnn": cnn}
