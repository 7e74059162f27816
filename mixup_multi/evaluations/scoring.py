"""The settings that all scores of predicted probabilities share, and how each is measured.

They read the logits that a cell keeps: the model runs only for parts of which none are kept, and
for a predictor.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal

import torch

from mixup_multi.errors import SettingError
from mixup_multi.evaluations.evaluation import Evaluation, Measured, Part, Subject
from mixup_multi.evaluations.said import Said, ask, fitted, kind_of
from mixup_multi.metrics import BINS, Binning, Kind, Metric, Norm, fitted_temperature, intervals
from mixup_multi.predict import Predictor
from mixup_multi.streams import stream


@dataclass(frozen=True, kw_only=True)
class Score(Evaluation):
    """A score of predicted probabilities on a part of the data, with its interval.

    Attributes:
        part: whose examples.
        temperature: what logits are divided by: 1 (`none`), or the temperature of the least NLL on
            the validation part.
        bootstrap: how many samples of the examples make the 95 % interval, in which the
            temperature stays as it was fitted; 0 for no interval.
        predictor: how the model is asked; None for plainly.
        batch_size: examples at a time, where the model has to be asked. A predictor that draws
            does so for each batch, so scores behind it depend on it a little: compare models at
            the same.
        seed: of the samples, and of the predictor's draws.

    Raises:
        SettingError: a value is out of its range, or the temperature is fitted to what is measured.
    """

    of_labels: ClassVar[bool] = True
    """Whether it has a meaning for independent labels."""

    part: Part = "test"
    temperature: Literal["none", "validation"] = "none"
    bootstrap: int = 1000
    predictor: Predictor | None = None
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        _at_least(0, bootstrap=self.bootstrap)
        _at_least(1, batch_size=self.batch_size)
        if self.temperature == self.part:
            raise SettingError(
                "the temperature is fitted to the validation part, which is the part that is"
                " measured: expected another part, or temperature: none",
                ("temperature",),
            )

    @abstractmethod
    def metrics(self, said: Said) -> Mapping[str, Metric]:
        """Return what is measured, by name, that first which tables show."""

    def check(self, subject: Subject) -> None:
        """Raise where a part is missing, it has no meaning, or the predictor does not fit."""
        some = subject.part(self.part).gather(torch.arange(1))
        columns = some.targets.shape[1]
        self._check_meaning(subject, kind_of(subject.loss_fn, columns), columns)
        self._check_validation(subject)
        fitted(self.predictor, subject)

    def measure(self, subject: Subject) -> Measured:
        """Return NAME, NAME_low and NAME_high of each metric, `temperature` and `rows`."""
        return Measured(self._values(self._said(subject)))

    def _said(self, subject: Subject) -> Said:
        """Return what the model says of the part, at the temperature asked for."""
        self._check_validation(subject)
        predictor = fitted(self.predictor, subject)
        said = ask(subject, self.part, predictor, self.batch_size, self.seed)
        self._check_meaning(subject, said.kind, said.outputs.logits.shape[1])
        if self.temperature == "none":
            return said
        known = ask(subject, "validation", predictor, self.batch_size, self.seed)
        best = fitted_temperature(known.outputs.logits, known.outputs.targets, known.kind)
        return replace(said, temperature=best)

    def _values(self, said: Said) -> dict[str, float]:
        metrics, rows = self.metrics(said), len(said.outputs.logits)
        ends = {}
        if self.bootstrap:
            generator = stream(self.seed, "bootstrap")
            ends = intervals(metrics, rows, self.bootstrap, generator)
        values = {}
        for name, metric in metrics.items():
            values[name] = float(metric(None))
            if name in ends:
                values[f"{name}_low"], values[f"{name}_high"] = ends[name]
        return {**values, "temperature": said.temperature, "rows": float(rows)}

    def _check_meaning(self, subject: Subject, kind: Kind, columns: int) -> None:
        if kind == "labels" and not self.of_labels:
            raise SettingError(
                f"{subject.data.name} has {columns} independent labels, so that a prediction has no"
                " single confidence: expected classes, or one of nll, brier and classwise_ece,"
                " which have a meaning for labels"
            )

    def _check_validation(self, subject: Subject) -> None:
        if self.temperature == "validation" and subject.data.validation is None:
            raise SettingError(
                f"the temperature is fitted to the validation part, and {subject.data.name} has"
                " none: expected a data set with one, e.g. {name: ..., validation: 0.1}, or"
                " temperature: none",
                ("temperature",),
            )


@dataclass(frozen=True, kw_only=True)
class BinnedScore(Score):
    """A score over bins of confidence.

    Attributes:
        bins: how many.
        binning: of equal width, or of equal mass (adaptive).
        norm: over bins: `l1`, `l2` (root mean square) or `max`.
    """

    bins: int = BINS
    binning: Binning = "equal_width"
    norm: Norm = "l1"

    def __post_init__(self) -> None:
        super().__post_init__()
        _at_least(1, bins=self.bins)


def percent(metric: Metric) -> Metric:
    """Return a metric times 100."""
    return partial(_percent, metric)


def _percent(metric: Metric, weights: torch.Tensor | None) -> torch.Tensor:
    return 100 * metric(weights)


def _at_least(least: int, **given: int) -> None:
    for name, value in given.items():
        if value < least:
            raise SettingError(f"{name} is {value}: expected {least} or more", (name,))
