"""A stranger's adapter: synthetic beats, with a corruption, a deformation, and a small net."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn

from mixup_multi.bounds import Bounds
from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Deformation, Shift, Shifts
from mixup_multi.engine.shifted import Draws, changed
from mixup_multi.engine.source import Data, Dataset, Source, TensorSource, Trial
from mixup_multi.errors import SettingError
from mixup_multi.points import Staged

SAMPLES, CLASSES = 12, ("slow", "even", "fast")


class Wander(Shift):
    """A slow wave is added."""

    def of(self, source: Source, severity: int, seed: int) -> Source:
        """Return wandering beats."""
        return source if severity == 0 else self.changed(source, severity, seed)

    def changed(self, source: Source, severity: int, seed: int) -> Source:
        """Return what severity 1 to 5 makes of beats."""

        def wander(x: Tensor, draws: Draws) -> Tensor:
            phase = draws.uniform(1, high=6.28).to(x)
            return x + 0.1 * severity * torch.sin(torch.linspace(0, 3, SAMPLES) + phase)

        return changed(cast(TensorSource, source), wander, f"wander/{severity}", seed)


class Louder(Deformation):
    """Beats are made larger by up to `extent` percent."""

    def of(self, source: Source, extent: float, seed: int, *, exact: bool) -> Source:
        """Return larger beats."""

        def louder(x: Tensor, draws: Draws) -> Tensor:
            return x * (1 + extent / 100 * draws.uniform(1).to(x))

        return changed(cast(TensorSource, source), louder, "louder", seed)

    def check(self, extent: float) -> None:
        """Raise where the extent is negative, or above 100."""
        if not 0 <= extent <= 100:
            raise SettingError(f"range is {extent}: expected 0 to 100 percent")


def shifted_in_time(x: Tensor, generator: Generator) -> Tensor:
    """Return beats that begin up to two samples later."""
    start = torch.randint(0, 3, (len(x), 1), generator=generator)
    return x.gather(1, (torch.arange(SAMPLES) - start) % SAMPLES)


def beats(seed: int, noise: float) -> tuple[Tensor, Tensor]:
    """Return 90 beats `(90, 12)` and their classes."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(90) % 3
    wave = torch.sin(torch.linspace(0, 6, SAMPLES) * (1 + labels[:, None]))
    return wave + noise * torch.randn(90, SAMPLES, generator=generator), labels


def load(root: Path, trial: Trial, *, noise: float = 0.3) -> Data:
    """Return synthetic beats; the trial's seed divides them."""
    if trial.folds is not None:
        raise SettingError("beats have no folds: use trials instead")
    x, labels = beats(0, noise)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(trial.seed))
    rows = (3 * order[:, None] + torch.arange(3)).flatten()
    reach = float(x.abs().max())
    unit, high = torch.tensor(1.0), torch.tensor(reach)
    bounds = Bounds.between(-high, high, unit, x[0], "millivolts")

    def part(index: Tensor) -> TensorSource:
        ids = [str(row) for row in index.tolist()]
        return TensorSource(x[index], labels[index], 3, ids, augment=shifted_in_time, bounds=bounds)

    train, validation, test = (part(index) for index in rows.split((54, 18, 18)))
    return Data(
        name="beats",
        train=train,
        test=test,
        validation=validation,
        classes=CLASSES,
        key=content_key("beats", x, labels),
        notes=("Synthetic.",),
        shifts=Shifts(made={"wander": Wander()}, deformations={"louder": Louder()}),
    )


def net(data: Data, *, width: int = 8) -> nn.Module:
    """A small net with a hidden point."""
    stages = {
        "input": nn.Sequential(nn.Linear(SAMPLES, width), nn.BatchNorm1d(width)),
        "hidden": nn.Sequential(nn.Tanh(), nn.Dropout(0.2), nn.Linear(width, len(data.classes))),
    }
    return Staged(stages)


class Beats:
    """Beats of a heart, synthetic."""

    datasets: Mapping[str, Dataset] = {"good": Dataset("synthetic beats", load)}
    models: Mapping[str, Callable[..., nn.Module]] = {"net": net}


def with_dataset(**changes: Any) -> Beats:
    """Return the adapter with another data set, `bad`, beside the good one.

    Args:
        changes: `load=`, a whole loader; or `data=`, a function that changes what is loaded;
            or fields of `Data`, or of its training part (`train_...`), or of the `Dataset`.
    """
    adapter = Beats()
    entry = {key: changes.pop(key) for key in ("summary", "fetch", "folder") if key in changes}
    change = changes.pop("data", lambda data: data)
    whole = changes.pop("load", None)
    parts = {key[6:]: changes.pop(key) for key in list(changes) if key.startswith("train_")}

    def other(root: Path, trial: Trial, *, noise: float = 0.3) -> Data:
        data = load(root, trial, noise=noise)
        train = replace(cast(TensorSource, data.train), **parts)
        empty = {"shifts": Shifts(), "train": train}
        made: Data = change(replace(data, **{**empty, **changes}))
        return made

    bad = Dataset(**{"summary": "synthetic", "load": whole or other, **entry})
    adapter.datasets = {**Beats.datasets, "bad": bad}
    return adapter


def with_model(build: Callable[..., nn.Module]) -> Beats:
    """Return the adapter with another model beside the good one."""
    adapter = Beats()
    adapter.models = {**Beats.models, "bad": build}
    return adapter


def with_shift(shift: Any) -> Beats:
    """Return the adapter with a data set that offers a shift."""
    return with_dataset(shifts=Shifts(made={"bad": shift}))
