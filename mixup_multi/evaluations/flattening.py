"""How flat the classes are in a model's hidden states (Manifold Mixup, Verma et al. 2019).

The singular values of the matrix of a class's representations, one row an example: where
Manifold Mixup is trained, all but the first few are small. The paper's table holds the first and
the sum of the rest; whether it centres the class first is not said. They grow with the root of
the number of rows, so compare what is of equally many.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mixup_multi.evaluations.evaluation import (
    Curve,
    Evaluation,
    Measured,
    Part,
    Subject,
    check_classes,
    check_counts,
)
from mixup_multi.evaluations.features import classes_of, features_at, points_of


@dataclass(frozen=True, kw_only=True)
class Flattening(Evaluation):
    """The sum of all singular values but the first, averaged over classes, at each point.

    Attributes:
        points: where: names, or `all`; the last one's rest comes first.
        centred: whether each class's mean is subtracted before: then they are its spread's, else
            the first is mostly its mean's.
        part: whose examples.
        rows: how many examples, drawn by the seed; None for all. Rows x width of a point are held
            in memory.
        batch_size: examples at a time.
        seed: of the examples.

    Raises:
        SettingError: a value is out of its range.
    """

    unit = ""

    points: tuple[str, ...] = ("all",)
    centred: bool = True
    part: Part = "train"
    rows: int | None = 1000
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(rows=self.rows, batch_size=self.batch_size)

    def check(self, subject: Subject) -> None:
        """Raise where there are numbers to predict, or no such part or point."""
        check_classes(subject, "flattening is")
        subject.part(self.part)
        points_of(subject.model, self.points)

    def measure(self, subject: Subject) -> Measured:
        """Return `rest`, `first` and `share` (of the first in the sum, in percent) at each point.

        The curves are the mean spectra, a point each; a class of few rows ends in zeros.

        Raises:
            SettingError: the data have no classes.
        """
        self.check(subject)
        values: dict[str, float] = {}
        curves: dict[str, Curve] = {}
        for point in reversed(points_of(subject.model, self.points)):
            features, targets = features_at(
                subject, point, self.part, self.rows, self.batch_size, self.seed
            )
            spectra = class_spectra(features, classes_of(targets, "flattening"), self.centred)
            first, rest = first_and_rest(spectra)
            values |= {f"rest {point}": rest, f"first {point}": first}
            values[f"share {point}"] = 100 * first / (first + rest) if first else float("nan")
            values["rows"] = float(len(features))
            curves[point] = _curve(spectra)
        return Measured(values, curves)


def class_spectra(features: Tensor, classes: Tensor, centred: bool) -> list[Tensor]:
    """Return the descending singular values of each class that has rows, `(min(n, d),)` each.

    Args:
        features: `(n, d)`.
        classes: `(n,)`.
        centred: whether a class's mean is subtracted first.
    """
    spectra = []
    for one in torch.unique(classes):
        rows = features[classes == one]
        spectra.append(torch.linalg.svdvals(rows - rows.mean(0) if centred else rows))
    return spectra


def first_and_rest(spectra: list[Tensor]) -> tuple[float, float]:
    """Return the first singular value and the sum of the rest, averaged over classes."""
    first = torch.stack([values[0] for values in spectra]).mean()
    rest = torch.stack([values[1:].sum() for values in spectra]).mean()
    return float(first), float(rest)


def _curve(spectra: list[Tensor]) -> Curve:
    mean = pad_sequence(spectra, batch_first=True).mean(0)
    places = tuple(float(place) for place in range(1, len(mean) + 1))
    return Curve("number of the singular value", "singular value", places, tuple(mean.tolist()))
