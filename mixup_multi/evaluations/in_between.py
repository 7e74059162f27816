"""What a model says between two training examples (Verma et al. 2019; Zhang et al. 2018, figure 2).

    x = own x_i + (1 - own) x_j

is *missed* where the predicted class is neither y_i nor y_j. Beside it, the size of the loss's
gradient there. The notes' figure shows both over own; the label of its loss is not stated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Generator, Tensor

from mixup_multi.attacks.surface import Surface, surface_at
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import SettingError
from mixup_multi.evaluations.evaluation import (
    Curve,
    Evaluation,
    Measured,
    Part,
    Subject,
    check_classes,
    check_counts,
)
from mixup_multi.evaluations.gradients import gradient_norms
from mixup_multi.objectives.losses import Loss
from mixup_multi.points import check_points, offered_points
from mixup_multi.streams import stream

Label = Literal["mixed", "nearest"]


@dataclass(frozen=True, kw_only=True)
class InBetween(Evaluation):
    """Misses in percent and gradient norms between pairs of examples, by own share.

    Attributes:
        pairs: how many, drawn by the seed; no example meets itself.
        differing: whether the two examples must have different labels.
        shares: how many own shares, evenly from 0 to 1; odd, so that 1/2 is one of them.
        label: of the loss whose gradient is measured: `mixed` as the rows are; or that of the
            `nearest` row (at 1/2: of the first).
        point: where they are mixed, and to which the gradient is: `first`, the model's preferred
            point, or the name of one.
        part: whose examples.
        batch_size: pairs at a time.
        seed: of the pairs.

    Raises:
        SettingError: a value is out of its range.
    """

    pairs: int = 1000
    differing: bool = False
    shares: int = 21
    label: Label = "mixed"
    point: str = "first"
    part: Part = "train"
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(pairs=self.pairs, batch_size=self.batch_size)
        if self.shares < 3 or self.shares % 2 == 0:
            raise SettingError(
                f"shares is {self.shares}: expected an odd number from 3, so that 1/2 is one",
                ("shares",),
            )

    def check(self, subject: Subject) -> None:
        """Raise where there are numbers to predict, no such part or point, or no two to pair."""
        check_classes(subject, "misses are")
        labels = subject.part(self.part).labels
        kinds = len(torch.unique(labels, dim=0)) if self.differing else len(labels)
        if kinds < 2:
            needed = "examples with different labels" if self.differing else "examples"
            raise SettingError(f"the {self.part} part has no two {needed} to pair")
        check_points(offered_points(subject.model), [self._place(subject)])

    def measure(self, subject: Subject) -> Measured:
        """Return `miss` and `gradient_norm` half way, and both at the ends, with their curves.

        Misses at the ends are errors, but for predictions that are the other row's label.
        """
        self.check(subject)
        labels = subject.part(self.part).labels
        first, second = draw_pairs(labels, self.pairs, self.differing, stream(self.seed, "mix"))
        own = torch.linspace(0, 1, self.shares).tolist()
        chunks = zip(*(torch.split(rows, self.batch_size) for rows in (first, second)), strict=True)
        pieces = [self.along(subject, ours, theirs, own) for ours, theirs in chunks]
        misses, norms = torch.cat(pieces, 2).mean(2).tolist()
        middle = self.shares // 2
        values = {
            "miss": 100 * misses[middle],
            "gradient_norm": norms[middle],
            "miss_at_ends": 50 * (misses[0] + misses[-1]),
            "gradient_norm_at_ends": (norms[0] + norms[-1]) / 2,
            "pairs": float(self.pairs),
        }
        percent, x = tuple(100 * miss for miss in misses), tuple(own)
        curves = {
            "miss": Curve("own share", "misses (%)", x, percent),
            "gradient_norm": Curve("own share", "norm of the loss's gradient", x, tuple(norms)),
        }
        return Measured(values, curves)

    def along(
        self, subject: Subject, first: Tensor, second: Tensor, own: Sequence[float]
    ) -> Tensor:
        """Return misses and gradient norms of pairs at each share, `(2, shares, n)` on the CPU.

        Args:
            subject: the model and its data.
            first: `(n,)` places in the part, of the rows that keep `own`.
            second: `(n,)` places of their partners.
            own: shares in [0, 1].
        """
        ours, theirs = (subject.gather(self.part, index) for index in (first, second))
        here, there = (self._surface(subject, batch) for batch in (ours, theirs))
        found = []
        for share in own:
            x = torch.lerp(there.centre, here.centre, share)
            label = label_between(self.label, ours.targets, theirs.targets, share)
            logits, norms = _logits_and_norms(here, subject.loss_fn, x, label)
            missed = misses(subject.loss_fn, logits, ours.targets, theirs.targets)
            found.append(torch.stack([missed, norms]))
        return torch.stack(found, 1).cpu().double()

    def _place(self, subject: Subject) -> str:
        return offered_points(subject.model)[0] if self.point == "first" else self.point

    def _surface(self, subject: Subject, batch: Batch) -> Surface:
        """Return the model around a batch; anything may flow, so there is nothing to keep to."""
        inputs = batch.inputs
        floats = isinstance(inputs, Tensor) and inputs.is_floating_point()
        bounds = Bounds(torch.ones(())) if floats else None
        return surface_at(subject.model, inputs, self._place(subject), bounds)


def draw_pairs(
    labels: Tensor, pairs: int, differing: bool, generator: Generator
) -> tuple[Tensor, Tensor]:
    """Return places `(pairs,)` of first and second examples, which are never the same one."""
    n = len(labels)

    def partners(of: Tensor) -> Tensor:
        return (of + torch.randint(1, n, of.shape, generator=generator)) % n

    first = torch.randint(n, (pairs,), generator=generator)
    second = partners(first)
    while differing:
        alike = (labels[first] == labels[second]).reshape(pairs, -1).all(1)
        if not alike.any():
            break
        second[alike] = partners(first[alike])
    return first, second


def misses(loss: Loss, logits: Tensor, ours: Tensor, theirs: Tensor) -> Tensor:
    """Return 1 where the prediction is neither row's label, else 0, `(n,)`.

    It is the smaller of the errors against the two, which also has a meaning for several labels.
    """
    return torch.minimum(loss.error(logits, ours), loss.error(logits, theirs))


def label_between(label: Label, ours: Tensor, theirs: Tensor, own: float) -> Tensor:
    """Return the targets `(n, c)` of the loss at a share."""
    if label == "mixed":
        return torch.lerp(theirs, ours, own)
    return ours if own >= 0.5 else theirs


def _logits_and_norms(
    surface: Surface, loss: Loss, x: Tensor, targets: Tensor
) -> tuple[Tensor, Tensor]:
    """Return logits at `x` and the norm of each row's gradient, from one pass."""
    said: list[Tensor] = []

    def score(x: Tensor) -> Tensor:
        said.append(surface.logits(x))
        return loss.value(said[-1], targets)

    norms = gradient_norms(score, x)
    return said[0].detach(), norms
