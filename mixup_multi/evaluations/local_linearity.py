"""Local linearity: how far the loss bends away from its tangent in a ball (Qin et al. 2019).

    gamma(eps, x, y) = max |l(x + d) - l(x) - <d, grad l(x)>|    over d in the ball of radius eps

by projected ascent on the absolute value. At d = 0 it and its gradient vanish, so the search
starts at random, and the maximum is taken over restarts and over everything on their ways. It is
a lower bound of gamma. The gradient in d is sign(gap) (grad l(x + d) - grad l(x)): the tangent is
computed once, and a step costs what a step of PGD does.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property

import torch
from torch import Generator, Tensor

from mixup_multi.attacks import Attack, Ball
from mixup_multi.attacks.presets import Size, size_of
from mixup_multi.attacks.search import Norm, Score
from mixup_multi.attacks.surface import surface_at
from mixup_multi.batch import Batch
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi.evaluations.evaluation import (
    Curve,
    Evaluation,
    Measured,
    Part,
    Subject,
    check_counts,
)
from mixup_multi.evaluations.gradients import row_norms, value_and_gradient
from mixup_multi.streams import seed_of
from mixup_multi.tree import per_row


@dataclass(frozen=True, kw_only=True)
class LocalLinearity(Evaluation):
    """Gamma in units of the loss, the mean over examples.

    In float32 losses near 1 leave about 1e-6 of a plane's gamma of 0.

    Attributes:
        eps: > 0, the radius of the ball, a number or a fraction such as 8/255, in the units in
            which attacks are measured (images: pixels in [0, 1]).
        step: the length of a step, in the same units; None for a quarter of eps.
        steps: how many; >= 1.
        restarts: how many searches, each from its own random start; >= 1. A search that starts
            where the loss bends up does not find where it bends down more: on small nets one
            alone found 65 to 77 %, three 85 to 97 % of what twenty did.
        norm: of the ball.
        point: where: `first`, the model's preferred point, or the name of one.
        part: whose examples.
        rows: how many examples, drawn by the seed; None for all.
        batch_size: examples at a time. Each batch draws its own starts, and at a hidden point has
            its own unit, so what is found depends on it a little: compare models at the same.
        seed: of the examples and of the starts.

    Raises:
        SettingError: a value is out of its range.
    """

    unit = "nats"

    eps: Size = "8/255"
    step: Size | None = None
    steps: int = 10
    restarts: int = 3
    norm: Norm = "linf"
    point: str = "first"
    part: Part = "test"
    rows: int | None = 1000
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(rows=self.rows, batch_size=self.batch_size)
        if self._search.eps == 0:
            raise SettingError(f"eps is {self.eps}: expected a number above 0", ("eps",))

    @cached_property
    def _search(self) -> Attack:
        """The attack whose ball, steps and place it has."""
        eps = size_of("eps", self.eps)
        step = eps / 4 if self.step is None else size_of("step", self.step)
        settings = {"norm": self.norm, "restarts": self.restarts, "point": self.point}
        return Attack(eps, step, self.steps, **settings)  # type: ignore[arg-type]

    def check(self, subject: Subject) -> None:
        """Raise where there is no such part or point, or the ball is larger than the range."""
        subject.part(self.part)
        self._search.check(subject.model, Training(subject.data).bounds())

    def measure(self, subject: Subject) -> Measured:
        """Return `gamma`, its median and largest value; `loss` and `gradient_norm` at the rows.

        The curve is the mean of what was found so far over the steps: where it still rises, more
        steps would find more.
        """
        self.check(subject)
        batches = subject.batches(self.part, self.rows, self.batch_size, self.seed)
        bends = [self._bend(subject, batch, number) for number, batch in enumerate(batches)]
        path = torch.cat([bend.path for bend in bends], 1)
        gamma, so_far = path.amax(0), path.cummax(0).values.mean(1)
        values = {
            "gamma": float(gamma.mean()),
            "median": float(gamma.median()),
            "largest": float(gamma.max()),
            "loss": float(torch.cat([bend.value for bend in bends]).mean()),
            "gradient_norm": float(torch.cat([bend.slope for bend in bends]).mean()),
            "rows": float(len(gamma)),
        }
        steps = tuple(float(step) for step in range(self.steps + 1))
        return Measured(values, {"search": Curve("steps", "gamma", steps, tuple(so_far.tolist()))})

    def _bend(self, subject: Subject, batch: Batch, number: int) -> Bend:
        """Return how the loss bends around a batch's rows, in float64 on the CPU."""
        bounds, search = Training(subject.data).bounds(), self._search
        surface = surface_at(subject.model, batch.inputs, search.place(subject.model), bounds)
        ball = Ball(surface.centre, surface.bounds, search.eps, search.norm)
        generator = torch.Generator().manual_seed(seed_of(self.seed, f"batch {number}"))

        def score(x: Tensor) -> Tensor:
            return subject.loss_fn.value(surface.logits(x), batch.targets)

        found = bend(score, ball, search.step, search.steps, search.restarts, generator)
        return Bend(*(getattr(found, field.name).cpu().double() for field in fields(Bend)))


@dataclass(frozen=True)
class Bend:
    """How a loss bends around rows.

    Attributes:
        path: `(steps + 1, n)` the distance from the tangent before each step and after the last,
            the largest of all restarts; gamma is its largest value for each row.
        value: `(n,)` the loss.
        slope: `(n,)` the L2 norm of its gradient, in the units in which the model reads.
    """

    path: Tensor
    value: Tensor
    slope: Tensor


def bend(
    score: Score, ball: Ball, step: float, steps: int, restarts: int, generator: Generator
) -> Bend:
    """Search for where `score` is farthest from its tangent at the centre of `ball`.

    It costs 1 + restarts * steps passes forward and backward, and restarts passes forward.
    """
    value, tangent = value_and_gradient(score, ball.centre)
    paths = []
    for _ in range(restarts):
        x, gaps = ball.start("uniform", generator), []
        for _ in range(steps):
            reached, gradient = value_and_gradient(score, x)
            gaps.append(_gap(x - ball.centre, reached - value, tangent))
            x = ball.step(x, per_row(gaps[-1].sign(), gradient) * (gradient - tangent), step)
        with torch.no_grad():
            gaps.append(_gap(x - ball.centre, score(x) - value, tangent))
        paths.append(torch.stack(gaps).abs())
    return Bend(torch.stack(paths).amax(0), value, row_norms(tangent))


def _gap(moved: Tensor, rise: Tensor, tangent: Tensor) -> Tensor:
    """l(x + d) - l(x) - <d, grad l(x)>, `(n,)`."""
    return rise - (moved * tangent).flatten(1).sum(1)
