"""Mixup Inference: the mean prediction on mixtures with samples s_k of a pool (Pang et al. 2020).

    F_MI(x) = (1/N) sum_k F(own x + (1 - own) s_k),   F = g(f)

    MI-PL   s_k of the class that the model predicts for x
    MI-OL   s_k of a class drawn uniformly among the others

N samples of n examples make one pass of N n rows, or several where that is more than `chunk`. The
mixture can be made at a hidden point: the samples' hidden states are then computed first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, Self, get_args

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from mixup_multi.attacks.attack import Shifted
from mixup_multi.attacks.quiet import looked_at
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix.linear import check_mixable, map_mixable
from mixup_multi.objectives.losses import Loss
from mixup_multi.objectives.objective import TrainingPart
from mixup_multi.points import Edits, check_points, flow_at, offered_points, run_edited
from mixup_multi.predict.pool import Pool, Pooling, classes_in, examples_of
from mixup_multi.predict.predictor import Predictor
from mixup_multi.predict.question import Question
from mixup_multi.tree import Tree, take_rows, to_device, tree_map

Of = Literal["predicted", "other"]


@dataclass(frozen=True, slots=True)
class MixupInference(Predictor):
    """MI-PL or MI-OL.

    Attributes:
        of: the class of the samples: the `predicted` one, or any `other`.
        share: own, the example's share of a mixture, in [0, 1]; 1 is the plain prediction.
        samples: N, 1 or more.
        pooling: how the pool is drawn of the training part.
        point: where is mixed: `first`, the model's preferred point, or the name of one.
        chunk: the most rows of a pass, as long as an example of each is no more. It bounds the
            memory: with gradients, several passes are computed again when they are taken.
        pool: set by `fit`.

    Raises:
        SettingError: a value is out of its range.
    """

    of: Of
    share: float = 0.5
    samples: int = 30
    pooling: Pooling = Pooling()  # noqa: RUF009  (frozen)
    point: str = "first"
    chunk: int = 1024
    pool: Pool | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.of not in get_args(Of):
            raise SettingError(f"of is {self.of!r}: expected predicted or other", ("of",))
        if not 0 <= self.share <= 1:
            raise SettingError(f"share is {self.share}: expected a number in [0, 1]", ("share",))
        for name, number in (("samples", self.samples), ("chunk", self.chunk)):
            if number < 1:
                raise SettingError(f"{name} is {number}: expected 1 or more", (name,))

    def fit(self, train: TrainingPart) -> Self:
        """Return the predictor with its pool, drawn from the training part."""
        return replace(self, pool=self.pooling.draw(train.source))

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the point."""
        check_points(offered_points(model), [self.place(model)])

    def to(self, device: torch.device | str) -> Self:
        """Return the predictor with its pool on `device`."""
        return replace(self, pool=self._pool().to(device))

    def place(self, model: nn.Module) -> str:
        """Return the point that is mixed at."""
        return offered_points(model)[0] if self.point == "first" else self.point

    def logits(
        self,
        model: nn.Module,
        inputs: Tree,
        seed: int,
        judge: Loss,
        *,
        rows: Tensor | None = None,
        edits: Edits | None = None,
    ) -> Tensor:
        """Return logits `(n, c)` of F_MI; see `Predictor.logits`.

        Raises:
            SettingError: there is no pool, as `fit` was not called.
            PointError: what flows at the point cannot be mixed.
        """
        with looked_at(model, "eval"):
            return self.averaged(Question.about(model, inputs, judge, rows, edits), seed)

    def averaged(self, asked: Question, seed: int) -> Tensor:
        """Return logits `(n, c)` of the mean over the samples; the model is in evaluation mode."""
        places = self.draw(asked, seed)
        samples, places = self._samples(asked, places)
        passes = torch.split(places, max(1, self.chunk // places.shape[1]))
        again = torch.is_grad_enabled() and len(passes) > 1
        logits = []
        for some in passes:
            mixed = partial(self._mixed, asked, samples, some)
            logits.append(_computed_again(asked.model, mixed) if again else mixed())
        return asked.judge.averaged(torch.cat(logits))

    def draw(self, asked: Question, seed: int) -> Tensor:
        """Return the samples' places in the pool `(N, n)`.

        An example's random numbers depend neither on those after it nor on the chunk.
        """
        pool = self._pool()
        predicted, classes = classes_in(asked.judge.mean_response(asked.plain))
        generator = torch.Generator().manual_seed(seed)
        size = (len(asked.plain), self.samples, 2)
        which, where = torch.rand(size, dtype=torch.float64, generator=generator).unbind(2)
        wanted = predicted.cpu()[:, None].expand_as(which)
        if self.of == "other":
            wanted = (wanted + 1 + (which * (classes - 1)).long()) % classes
        return pool.places(wanted, where, asked.rows).t()

    def _samples(self, asked: Question, places: Tensor) -> tuple[Tree, Tensor]:
        """Return what flows at the point for the samples, and each one's place in it."""
        pool, point = self._pool(), self.place(asked.model)
        if point == "input":
            return pool.inputs, places
        model = asked.model
        while isinstance(model, Shifted):  # the attack is on the examples, not on the samples
            model = model.model
        needed, places = torch.unique(places, return_inverse=True)
        device = asked.plain.device
        flows = [
            flow_at(model, to_device(examples_of(pool.inputs, some), device), point)
            for some in torch.split(needed, self.chunk)
        ]
        return tree_map(lambda *leaves: torch.cat(leaves), *flows), places

    def _mixed(self, asked: Question, samples: Tree, places: Tensor) -> Tensor:
        """Return logits `(N', n, c)` of the mixtures with the samples at `places` `(N', n)`."""
        point = self.place(asked.model)
        before = asked.edits.get(point)

        def mix(flow: Tree) -> Tree:
            flow = flow if before is None else before(flow)
            return _mixtures(flow, samples, places, self.share)

        logits = run_edited(asked.model, asked.inputs, {**asked.edits, point: mix})
        if len(logits) != places.numel():
            raise PointError(
                f"{places.numel()} mixtures at {point!r} came out as {len(logits)} rows; expected"
                " no edit behind the point that is mixed at. Choose one further on in the model."
            )
        return logits.view(*places.shape, -1)

    def _pool(self) -> Pool:
        if self.pool is None:
            raise SettingError("this predictor has no pool yet: expected fit(train) before its use")
        return self.pool


def _mixtures(flow: Tree, samples: Tree, places: Tensor, own: float) -> Tree:
    """Return own x_i + (1 - own) s for every place `(N', n)`, sample by sample, `(N' n, ...)`.

    At own = 1 they are the examples bit for bit.
    """

    def mixed(leaf: Tensor, pooled: Tensor) -> Tensor:
        check_mixable(leaf)
        partner = take_rows(pooled, places.flatten()).to(leaf)
        return partner.view(-1, *leaf.shape).lerp_(leaf[None], own).flatten(0, 1)

    return map_mixable(mixed, flow, samples)


def _computed_again(model: nn.Module, function: Callable[[], Tensor]) -> Tensor:
    """Return its value, keeping nothing for the gradient, for which it is called once more."""

    def looking() -> Tensor:
        with looked_at(model, "eval"):  # by the second time the model is as it was
            return function()

    value: Tensor = checkpoint(looking, use_reentrant=False, preserve_rng_state=False)
    return value
