"""What a linear model reads off a model's hidden states (Alain and Bengio 2016).

Ridge regression of the targets (labels as signs) on standardised features, in closed form:

    W = V diag(s / (s^2 + n r)) U' Y,    X = U diag(s) V'

with an intercept that is not shrunk. The penalty r is given, or the one of a grid whose squared
error of leaving out one training row at a time is least. That is in closed form too,
e_i / (1 - h_i) with the hat matrix's diagonal h, so no other part of the data has to choose.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mixup_multi.errors import SettingError
from mixup_multi.evaluations.evaluation import (
    Curve,
    Evaluation,
    Measured,
    Part,
    Subject,
    check_counts,
)
from mixup_multi.evaluations.features import features_at, points_of

PENALTIES = tuple(10.0**power for power in range(-6, 4))


@dataclass(frozen=True, kw_only=True)
class LinearProbe(Evaluation):
    """Test error in percent of ridge regression on the features at each point.

    Of numbers to predict it is their squared error, as in `Error`.

    Attributes:
        points: where: names, or `all`; the last one's error comes first.
        penalty: r > 0 above; None for the best of powers of ten from 1e-6 to 1e3.
        part: whose error.
        rows: how many examples of the training part and of `part`, drawn by the seed; None for
            all. Rows x width of a point are held in memory.
        batch_size: examples at a time.
        seed: of the examples.

    Raises:
        SettingError: a value is out of its range.
    """

    points: tuple[str, ...] = ("all",)
    penalty: float | None = None
    part: Part = "test"
    rows: int | None = 2000
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(rows=self.rows, batch_size=self.batch_size)
        if self.penalty is not None and not 0 < self.penalty < float("inf"):
            raise SettingError(f"penalty is {self.penalty}: expected a number > 0", ("penalty",))

    def check(self, subject: Subject) -> None:
        """Raise where there is no such part or point."""
        subject.part(self.part)
        points_of(subject.model, self.points)

    def measure(self, subject: Subject) -> Measured:
        """Return `error` and `penalty` at each point, and `rows`: how many the errors are of."""
        points = points_of(subject.model, self.points)
        values: dict[str, float] = {}
        for point in reversed(points):
            x, y = self._features(subject, point, "train")
            fitted = y if subject.loss_fn.target_kind == "numbers" else 2 * y - 1
            probe = fit_probe(x, fitted, PENALTIES if self.penalty is None else (self.penalty,))
            x, y = self._features(subject, point, self.part)
            error = 100 * float(subject.loss_fn.error(probe(x), y).mean())
            values |= {f"error {point}": error, f"penalty {point}": probe.penalty}
            values["rows"] = float(len(x))
        named = ", ".join(f"{place}: {point}" for place, point in enumerate(points))
        places = tuple(float(place) for place in range(len(points)))
        errors = tuple(values[f"error {point}"] for point in points)
        return Measured(values, {"error": Curve(f"point ({named})", "error (%)", places, errors)})

    def _features(self, subject: Subject, point: str, part: Part) -> tuple[Tensor, Tensor]:
        return features_at(subject, point, part, self.rows, self.batch_size, self.seed)


@dataclass(frozen=True)
class Probe:
    """A linear model of standardised features.

    Attributes:
        mean, scale: `(d,)` of the training features; a column that is constant has scale 1.
        weight: `(d, c)`.
        bias: `(c,)`.
        penalty: the one that was chosen.
    """

    mean: Tensor
    scale: Tensor
    weight: Tensor
    bias: Tensor
    penalty: float

    def __call__(self, features: Tensor) -> Tensor:
        """Return predictions `(n, c)`; of signs: above 0 for a label, the largest for a class."""
        return (features - self.mean) / self.scale @ self.weight + self.bias


def fit_probe(features: Tensor, targets: Tensor, penalties: tuple[float, ...]) -> Probe:
    """Return the ridge regression whose squared leave-one-out error is least.

    Args:
        features: `(n, d)`.
        targets: `(n, c)`: numbers, or signs, 1 for what a row is and -1 for what it is not.
        penalties: to choose from.
    """
    mean, scale = features.mean(0), features.std(0, correction=0)
    scale = torch.where(scale > 1e-12 * features.abs().amax(0), scale, 1)
    bias = targets.mean(0)
    u, s, vt = torch.linalg.svd((features - mean) / scale, full_matrices=False)
    centred = targets - bias
    projected = u.T @ centred
    errors = [_left_out(u, s, projected, centred, r) for r in penalties]
    best = penalties[min(range(len(errors)), key=errors.__getitem__)]
    weight = vt.T @ ((s / (s**2 + len(u) * best))[:, None] * projected)
    return Probe(mean, scale, weight, bias, best)


def _left_out(u: Tensor, s: Tensor, projected: Tensor, centred: Tensor, penalty: float) -> float:
    """Return the mean squared error of rows that were left out one at a time."""
    kept = s**2 / (s**2 + len(u) * penalty)
    residual = centred - u @ (kept[:, None] * projected)
    leverage = 1 / len(u) + u**2 @ kept
    return float((residual / (1 - leverage).clamp_min(1e-12)[:, None]).square().mean())
