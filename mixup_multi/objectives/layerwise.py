"""Layer-wise adversarial training: every layer is perturbed, by the backward pass before.

    a_l <- a_l + r_l,   r_l = eps_l sign(mean_B dL/da_l),   mean over the rows of the step before

(X. Chen and N. Zhang 2020.) The source perturbs a layer's output by what an FGSM step at the input
would cause there; its closed forms of that are exact for one output only. How r_l lasts from batch
to batch is not said: this is our reading, in which r_l has the shape of an activation, without
rows. It costs no pass of its own. The first step has no r_l, and is plain training.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import count
from typing import Self

from torch import Generator, Tensor, nn

from mixup_multi.attacks import Ball
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix.draw import Mix
from mixup_multi.objectives.erm import ERM
from mixup_multi.objectives.objective import Draw, Memory, Objective, Terms, TrainingPart
from mixup_multi.points import Edit, Edits, bare, check_points, offered_points, run_edited
from mixup_multi.tree import Tree, tree_map


@dataclass(frozen=True, slots=True)
class LayerWise(Objective):
    """An objective on a model whose layers are perturbed.

    Attributes:
        inner: what is minimised.
        eps: >= 0, the size at the input, in the units of the bounds; perturbed inputs are legal.
        hidden: >= 0, the size at hidden points, in root mean squares of what flows there; None is
            that of the input.
        points: names of points, or `("all",)`, or `("first",)`, the model's preferred one.
        bounds: what a legal perturbation of an input is, set by `fit`; where nobody has said, the
            input is treated as a hidden point.

    Raises:
        SettingError: a size is negative, no point is named, or the inner objective remembers steps.
    """

    inner: Objective = ERM()  # noqa: RUF009  (frozen)
    eps: float = 8 / 255
    hidden: float | None = None
    points: tuple[str, ...] = ("all",)
    bounds: Bounds | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        for name, size in (("eps", self.eps), ("hidden", self.hidden or 0.0)):
            if not 0 <= size < float("inf"):
                raise SettingError(f"{name} is {size}: expected a number >= 0", (name,))
        if not self.points:
            raise SettingError("points is empty: expected first, all, or names of points")
        if self.inner.remembers:
            raise SettingError(
                "inner is itself a method that leaves something to its next step: expected one"
                " that does not",
                ("inner",),
            )

    @property
    def parts(self) -> tuple[Objective, ...]:
        """The inner one."""
        return (self.inner,)

    @property
    def eager(self) -> str:
        """Hooks in the backward pass cannot be compiled."""
        return "layer-wise adversarial training, which reads gradients inside the backward pass"

    @property
    def remembers(self) -> bool:
        """The gradients at all points."""
        return True

    def size(self, point: str) -> float:
        """Return eps_l, in the units of the point."""
        return self.eps if point == "input" or self.hidden is None else self.hidden

    def places(self, model: nn.Module) -> tuple[str, ...]:
        """Return the points that are perturbed."""
        offered = offered_points(model)
        if self.points == ("all",):
            return offered
        return offered[:1] if self.points == ("first",) else self.points

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw what the inner objective draws, and nothing else."""
        return Draw(Mix.identity(len(targets)), inner=(self.inner.draw(targets, generator),))

    def fit(self, train: TrainingPart) -> Self:
        """Return the objective with the bounds, and the inner one fitted."""
        return replace(self, inner=self.inner.fit(train), bounds=train.bounds() or self.bounds)

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where there is no such point, `SettingError` for too large a size."""
        check_points(offered_points(model), self.places(model))
        if self.bounds is not None and "input" in self.places(model):
            self.bounds.check("eps", self.eps)
        self.inner.check(model)

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the inner terms; their memory is filled when gradients are taken."""
        left: Memory = {}
        nudges = {
            point: Nudge(
                *(point, self.size(point), self.bounds if point == "input" else None),
                *(draw.memory, left),
            )
            for point in self.places(model)
            if self.size(point)
        }
        seen = replace(batch, rows=None) if "input" in nudges else batch  # no longer the source's
        terms = self.inner.loss(Nudged(model, nudges), seen, draw.inner[0])
        return replace(terms, memory=left)


@dataclass
class Nudge:
    """The perturbation of one point.

    Attributes:
        point: its name.
        size: eps_l, in units.
        bounds: of the point; None where its unit is the root mean square of what flows.
        memory: gradients of the step before, by point and leaf, without rows.
        left: is given those of this step.
    """

    point: str
    size: float
    bounds: Bounds | None
    memory: Memory
    left: Memory

    def __call__(self, flow: Tree, moved: list[Tensor]) -> Tree:
        """Return the perturbed flow; what is in `moved` already is left as it is."""
        return tree_map(partial(self._leaf, count(), moved), flow)

    def _leaf(self, numbers: Iterator[int], moved: list[Tensor], leaf: Tensor) -> Tensor:
        name = f"{self.point}/{next(numbers)}"
        if not leaf.is_floating_point() or any(leaf is other for other in moved):
            return leaf
        if name in self.memory:
            leaf = self._perturbed(leaf, self._fitting(name, leaf))
        if not leaf.requires_grad:
            leaf = leaf.detach().requires_grad_()
        leaf.register_hook(partial(self._keep, name))  # type: ignore[no-untyped-call]
        moved.append(leaf)
        return leaf

    def _fitting(self, name: str, leaf: Tensor) -> Tensor:
        gradient = self.memory[name]
        if gradient.shape != leaf.shape[1:]:
            raise PointError(
                f"layer-wise training at {name}: the step before had activations of shape"
                f" {tuple(gradient.shape)}, this one has {tuple(leaf.shape[1:])}; expected the same"
                " shape in every batch, at points that have one"
            )
        return gradient.to(leaf)

    def _perturbed(self, leaf: Tensor, gradient: Tensor) -> Tensor:
        if self.bounds is None:
            return leaf + self.size * Bounds.hidden(leaf).unit * gradient.sign()
        ball = Ball(leaf, self.bounds.to(leaf), self.size, "linf")
        return ball.step(leaf, gradient, self.size)

    def _keep(self, name: str, gradient: Tensor) -> None:
        """Add a pass's gradient; that of a mean over rows is the rows' mean gradient, summed."""
        mean = gradient.detach().sum(0)
        self.left[name] = self.left[name] + mean if name in self.left else mean


class Nudged(nn.Module):
    """A model whose points are perturbed before any other edit."""

    def __init__(self, model: nn.Module, nudges: dict[str, Nudge]) -> None:
        super().__init__()
        self.model = model
        self.nudges = nudges
        self.points = offered_points(model)

    @property
    def bare(self) -> nn.Module:
        """The model without perturbations, for passes that are no part of a step."""
        return bare(self.model)

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tensor:
        """Return logits; what flows through two points unchanged is perturbed once."""
        edits = edits or {}
        moved: list[Tensor] = []

        def nudging(nudge: Nudge, after: Edit | None) -> Edit:
            def edit(flow: Tree) -> Tree:
                flow = nudge(flow, moved)
                return flow if after is None else after(flow)

            return edit

        ours = {point: nudging(nudge, edits.get(point)) for point, nudge in self.nudges.items()}
        return run_edited(self.model, inputs, {**edits, **ours})
