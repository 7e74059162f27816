"""How far examples are from the decision boundary, to first order (Elsayed et al. 2018).

    margin(x, y) = (f_y - f_o) / ||grad (f_y - f_o)||_*,    o the largest other class

with the norm that is dual to the ball's (L-inf: the sum of absolute values), and the gradient
taken in the units in which attacks are measured. For a linear model of two classes it is the eps
that turns the prediction; below 0 the example is misclassified.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mixup_multi.attacks import Attack
from mixup_multi.attacks.search import Norm
from mixup_multi.attacks.surface import Surface, surface_at
from mixup_multi.batch import Batch
from mixup_multi.engine.training import Training
from mixup_multi.evaluations.evaluation import (
    Curve,
    Evaluation,
    Measured,
    Part,
    Subject,
    check_classes,
    check_counts,
)
from mixup_multi.evaluations.features import classes_of
from mixup_multi.evaluations.gradients import row_norms, value_and_gradient

QUANTILES = (0.05, 0.25, 0.75, 0.95)
DUAL = {"linf": 1.0, "l2": 2.0}


@dataclass(frozen=True, kw_only=True)
class Margins(Evaluation):
    """The median margin of a part's examples, and its distribution.

    Attributes:
        norm: in which distances are measured.
        point: where: `first`, the model's preferred point, or the name of one.
        part: whose examples.
        rows: how many examples, drawn by the seed; None for all.
        batch_size: examples at a time. At a hidden point distances are in each batch's own unit,
            so there they depend on it.
        seed: of the examples.

    Raises:
        SettingError: a value is out of its range.
    """

    unit = "eps"

    norm: Norm = "l2"
    point: str = "first"
    part: Part = "test"
    rows: int | None = None
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(rows=self.rows, batch_size=self.batch_size)

    def check(self, subject: Subject) -> None:
        """Raise where there are numbers to predict, no such part or point, or no unit there."""
        check_classes(subject, "margins are")
        subject.part(self.part)
        self._attack.check(subject.model, Training(subject.data).bounds())

    @property
    def _attack(self) -> Attack:
        """The attack whose sizes the margins are compared with."""
        return Attack(0, 0, point=self.point, norm=self.norm)

    def measure(self, subject: Subject) -> Measured:
        """Return `median`, quantiles, and `positive`: the percentage classified correctly.

        The curve is the margin over the share of examples with a smaller one.

        Raises:
            SettingError: the data have no classes.
        """
        self.check(subject)
        batches = subject.batches(self.part, self.rows, self.batch_size, self.seed)
        margins = torch.cat([self._margins(subject, batch).cpu().double() for batch in batches])
        values = {"median": float(margins.median())}
        levels = torch.tensor(QUANTILES, dtype=torch.float64)
        quantiles = _quantiles(margins, levels)
        values |= {f"quantile {q:g}": v for q, v in zip(QUANTILES, quantiles, strict=True)}
        values |= {
            "positive": 100 * float((margins > 0).double().mean()),
            "rows": float(len(margins)),
        }
        shares = torch.linspace(0, 1, 101, dtype=torch.float64)
        curve = Curve(
            "share of examples", "margin", tuple(shares.tolist()), _quantiles(margins, shares)
        )
        return Measured(values, {"margin": curve})

    def _margins(self, subject: Subject, batch: Batch) -> Tensor:
        place, bounds = self._attack.place(subject.model), Training(subject.data).bounds()
        surface = surface_at(subject.model, batch.inputs, place, bounds)
        return margins_of(surface, classes_of(batch.targets, "a margin"), DUAL[self.norm])


def margins_of(surface: Surface, classes: Tensor, dual: float) -> Tensor:
    """Return the margin of each row, `(n,)`; infinite where the logits do not move at all.

    Args:
        surface: around n rows.
        classes: `(n,)`; of one logit: 0 or 1.
        dual: the order of the norm of gradients.
    """
    lead, gradient = value_and_gradient(
        lambda x: lead_of(surface.logits(x), classes), surface.centre
    )
    slope = row_norms(gradient * surface.bounds.unit, dual)
    return torch.where(lead == 0, lead, lead / slope)


def lead_of(logits: Tensor, classes: Tensor) -> Tensor:
    """Return f_y - max of the others, `(n,)`; for one logit f, or -f where y is 0."""
    if logits.shape[1] == 1:
        return torch.where(classes == 1, logits[:, 0], -logits[:, 0])
    own = logits.gather(1, classes[:, None])
    others = logits.scatter(1, classes[:, None], float("-inf"))
    return own[:, 0] - others.amax(1)


def _quantiles(values: Tensor, levels: Tensor) -> tuple[float, ...]:
    """Return order statistics, without arithmetic between them: some may be infinite."""
    return tuple(torch.quantile(values, levels, interpolation="nearest").tolist())
