"""The training loop of a coder: Adam over the un-augmented training part, resumable bit for bit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Generator, Tensor, nn

from mixup_multi.engine.sealed import DamagedError, load_sealed, save_sealed, set_aside
from mixup_multi.errors import DivergedError
from mixup_multi.latent.codec import Progress
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.streams import stream

Terms = Callable[[Tensor, Generator], Mapping[str, Tensor]]
"""`terms(inputs, generator)`: scalars, of which `loss` is minimised."""


class Pace(Protocol):
    """How a coder is fitted."""

    @property
    def epochs(self) -> int:
        """Passes over the training part."""

    @property
    def batch_size(self) -> int:
        """Examples a step."""

    @property
    def lr(self) -> float:
        """The learning rate of Adam."""

    @property
    def seed(self) -> int:
        """Of order and noise."""


def fit_coder(
    coder: nn.Module, terms: Terms, train: TrainingPart, pace: Pace, progress: Progress
) -> None:
    """Train the weights of `coder`, from the checkpoint where there is one.

    Raises:
        DivergedError: the loss is no longer finite.
    """
    fit = _Fit(coder, terms, train, pace)
    if progress.checkpoint is not None:
        fit.resume(progress.checkpoint)
    for record in fit.history:
        progress.on_epoch(record)
    while len(fit.history) < pace.epochs:
        record = fit.epoch()
        if progress.checkpoint is not None:
            save_sealed(fit.content(), progress.checkpoint, durable=False)
        progress.on_epoch(record)


class _Fit:
    """A fit between two epochs."""

    def __init__(self, coder: nn.Module, terms: Terms, train: TrainingPart, pace: Pace) -> None:
        self.coder, self.terms, self.train, self.pace = coder, terms, train, pace
        self.optimizer = torch.optim.Adam(coder.parameters(), pace.lr)
        self.generators = {name: stream(pace.seed, name) for name in ("order", "mix")}
        self.history: list[dict[str, float]] = []

    def epoch(self) -> dict[str, float]:
        """Visit each example once, and return the means of the terms over examples."""
        began, examples = time.perf_counter(), len(self.train.source)
        sums: dict[str, float] = {}
        order = torch.randperm(examples, generator=self.generators["order"])
        for rows in torch.split(order, self.pace.batch_size):
            for name, value in self._step(rows).items():
                sums[name] = sums.get(name, 0.0) + value.item() * len(rows)
        means = {name: total / examples for name, total in sums.items()}
        number = len(self.history) + 1.0
        if not all(map(math.isfinite, means.values())):
            raise DivergedError(
                f"the codec's loss is no longer finite in its epoch {number:.0f}: expected"
                f" convergence; lower its lr ({self.pace.lr:g})"
            )
        self.history.append({"epoch": number, **means, "seconds": time.perf_counter() - began})
        return self.history[-1]

    def _step(self, rows: Tensor) -> dict[str, Tensor]:
        inputs = self.train.source.gather(rows).inputs.to(self.train.device)
        terms = self.terms(inputs, self.generators["mix"])
        self.optimizer.zero_grad(set_to_none=True)
        terms["loss"].backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return {name: value.detach() for name, value in terms.items()}

    def content(self) -> dict[str, Any]:
        """Return what the rest of the fit depends on."""
        return {
            "coder": self.coder.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "generators": {name: g.get_state() for name, g in self.generators.items()},
            "history": self.history,
        }

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint; one that is damaged is set aside."""
        if not path.exists():
            return
        try:
            content = load_sealed(path, self.train.device)
        except DamagedError:
            set_aside(path)
            return
        self.coder.load_state_dict(content["coder"])
        self.optimizer.load_state_dict(content["optimizer"])
        for name, generator in self.generators.items():
            generator.set_state(content["generators"][name].cpu())
        self.history = list(content["history"])
