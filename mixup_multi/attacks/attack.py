"""An attack's settings, and what it makes of a model and a batch.

At the input it returns a perturbed batch; at a hidden point the same batch and the model with the
perturbation added there. What follows is trained or tested as ever.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar, Literal, Protocol, get_args

import torch
from torch import Generator, Tensor, nn

from mixup_multi.attacks.quiet import Mode, looked_at, own_dropout
from mixup_multi.attacks.search import Ball, Norm, Start, best_of, climb
from mixup_multi.attacks.surface import surface_at
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.points import Edited, bare, check_points, offered_points
from mixup_multi.tree import Tree, tree_map

Labels = Literal["true", "predicted"]


class Judge(Protocol):
    """What an attack has to know of a loss."""

    @property
    def target_kind(self) -> str:
        """Whether a row of targets is a `distribution`, `labels` or `numbers`."""

    def value(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss of each row, `(n,)`."""

    def predicted(self, logits: Tensor) -> Tensor:
        """Return the prediction as hard targets `(n, c)`."""


@dataclass(frozen=True, slots=True)
class Attack:
    """Projected gradient ascent of the loss; see `mixup_multi.attacks.search` for its equations.

    Attributes:
        eps: >= 0, the radius, in the units of the bounds (images: pixels in [0, 1]).
        step: >= 0, the length of a step, in the same units.
        steps: how many; >= 1.
        start: where from: the row itself, uniform in the ball, or a thousandth of a unit away.
        norm: of the ball.
        restarts: how many climbs, of which each row keeps the one that ends highest; >= 1.
        targeted: lower the loss of a random other class, instead of raising that of the label.
        labels: whose loss: the true one's, or that of the model's own prediction, which does not
            give the label away to what is trained.
        mode: of the model while it is attacked; `train` as it is trained.
        update_statistics: whether the attack's passes in `train` mode count in BatchNorm's
            running statistics.
        point: where: `first`, the model's preferred point, or the name of one.

    Raises:
        SettingError: a value is out of its range.
    """

    eps: float
    step: float
    steps: int = 1
    start: Start = "uniform"
    norm: Norm = "linf"
    restarts: int = 1
    targeted: bool = False
    labels: Labels = "true"
    mode: Mode = "eval"
    update_statistics: bool = False
    point: str = "first"

    entry_points: ClassVar[str] = "mixup_multi.attacks"

    def __post_init__(self) -> None:
        for name, size in (("eps", self.eps), ("step", self.step)):
            if not 0 <= size < float("inf"):
                raise SettingError(f"{name} is {size}: expected a number >= 0", (name,))
        for name, number in (("steps", self.steps), ("restarts", self.restarts)):
            if number < 1:
                raise SettingError(f"{name} is {number}: expected 1 or more", (name,))
        for name, kind in (("start", Start), ("norm", Norm), ("labels", Labels), ("mode", Mode)):
            if getattr(self, name) not in get_args(kind):
                given, choices = getattr(self, name), ", ".join(get_args(kind))
                raise SettingError(f"{name} is {given!r}: expected one of {choices}", (name,))
        if self.restarts > 1 and self.start == "none":
            raise SettingError(
                f"restarts is {self.restarts}, but with start: none every climb is the same one;"
                " expected another start, or restarts: 1",
                ("restarts",),
            )

    def check(self, model: nn.Module, bounds: Bounds | None) -> None:
        """Raise `PointError` where there is no such point, `SettingError` for too large sizes."""
        check_points(offered_points(model), [self.place(model)])
        if self.place(model) == "input":
            legal = _said(bounds, model)
            for name, size in (("eps", self.eps), ("step", self.step)):
                legal.check(name, size, self.norm)

    @property
    def draws(self) -> bool:
        """Whether the seed matters."""
        return self.eps > 0 and (self.start != "none" or self.targeted)

    def place(self, model: nn.Module) -> str:
        """Return the point that is attacked."""
        return offered_points(model)[0] if self.point == "first" else self.point

    def perturb(
        self, model: nn.Module, batch: Batch, bounds: Bounds | None, seed: int, judge: Judge
    ) -> tuple[nn.Module, Batch]:
        """Return model and batch under attack; neither is changed.

        Args:
            model: its mode, gradients and statistics stay (see `update_statistics`).
            batch: inputs, a tensor `(n, ...)` where they are attacked themselves; targets `(n, c)`.
            bounds: of inputs; not used at hidden points.
            seed: of the random start and of targeted classes.
            judge: the loss.

        Raises:
            PointError: inputs are attacked, and nobody has said within which bounds.
        SettingError: the targets are numbers, and the attack aims at classes.
        """
        if self.eps == 0:
            return model, batch
        if judge.target_kind == "numbers" and (self.targeted or self.labels == "predicted"):
            raise SettingError(
                "the targets are numbers, which have no other class and are their own prediction:"
                " expected targeted: false and labels: true",
                ("targeted" if self.targeted else "labels",),
            )
        generator = torch.Generator().manual_seed(seed)
        aim = self._aim(model, batch, judge, generator)

        def score(logits: Tensor) -> Tensor:
            value = judge.value(logits, aim)
            return -value if self.targeted else value

        return self.climb(model, batch, bounds, generator, score)

    def climb(
        self,
        model: nn.Module,
        batch: Batch,
        bounds: Bounds | None,
        generator: Generator,
        score: Callable[[Tensor], Tensor],
    ) -> tuple[nn.Module, Batch]:
        """Return model and batch where `score` of the logits, `(n,)`, is high; see `perturb`."""
        if self.eps == 0:
            return model, batch
        place, seen = self.place(model), bare(model)
        looking = looked_at(seen, self.mode, update_statistics=self.update_statistics)
        with looking, own_dropout(self.mode, generator.initial_seed(), batch.targets.device):
            known = _said(bounds, model) if place == "input" else None
            surface = surface_at(seen, batch.inputs, place, known)
            ball = Ball(surface.centre, surface.bounds, self.eps, self.norm)
            found = self._search(ball, lambda x: score(surface.logits(x)), generator)
        if surface.flat is None:
            return model, replace(batch, inputs=found, rows=None)
        shift = surface.flat.tree(found - surface.centre)
        return Edited(model, place, _Shift(shift)), batch

    def _search(
        self, ball: Ball, score: Callable[[Tensor], Tensor], generator: Generator
    ) -> Tensor:
        once = partial(climb, ball, score, step=self.step, steps=self.steps, start=self.start)
        return best_of(score, self.restarts, partial(once, generator=generator))

    def _aim(self, model: nn.Module, batch: Batch, judge: Judge, generator: Generator) -> Tensor:
        """Return the targets whose loss is raised, or lowered where the attack is targeted."""
        aim = batch.targets
        if self.labels == "predicted":
            with looked_at(bare(model), "eval"), torch.no_grad():
                aim = judge.predicted(bare(model)(batch.inputs)).to(aim)
        if not self.targeted:
            return aim
        return 1 - aim if judge.target_kind == "labels" else _others(aim, generator)


class _Shift:
    """The edit that adds; no closure, which would be compiled in every step."""

    def __init__(self, shift: Tree) -> None:
        self.shift = shift

    def __call__(self, flow: Tree) -> Tree:
        return tree_map(torch.add, flow, self.shift)


def _said(bounds: Bounds | None, model: nn.Module) -> Bounds:
    """Return the bounds of inputs; raise `PointError` where there are none."""
    if bounds is None:
        others = ", ".join(name for name in offered_points(model) if name != "input")
        raise PointError(
            "an attack on the input needs the adapter to say what a legal perturbation is, and"
            f" for these data it does not; expected a hidden point ({others or 'none here'}), or,"
            " in a loop of your own, Method.fit(..., bounds=...)"
        )
    return bounds


def _others(targets: Tensor, generator: Generator) -> Tensor:
    """Return targets of a random other class for each row; of one column: the other label."""
    n, classes = targets.shape
    if classes == 1:
        return 1 - targets
    step = torch.randint(1, classes, (n,), generator=generator).to(targets.device)
    other = (targets.argmax(1) + step) % classes
    return torch.zeros_like(targets).scatter_(1, other[:, None], 1)
