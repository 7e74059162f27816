"""Batchout: features are moved towards other examples, labels stay (Subramanya et al. 2018).

At each layer, for the first k m of the batch's m rows:

    x_j <- x_j + n (x_R - x_j)                towards rows: R drawn with replacement
    x_j <- x_j + n ||x_j|| noise / ||noise||  towards noise, the paper's baseline

The direction is not differentiated (otherwise the net learns to undo it), so the gradient passes
as if nothing had been added. Later layers see what earlier ones have become. `own` = 1 - n is a
row's share, which may exceed 1: a negative n moves away from the partner.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Literal, get_args

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import PointError, SettingError, did_you_mean
from mixup_multi.mix.draw import Mix, Partner, Share, draw_partner
from mixup_multi.mix.linear import check_mixable, map_mixable
from mixup_multi.mix.shares import UniformShare
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.losses import Loss, Softmax
from mixup_multi.objectives.objective import Draw, Objective, Terms
from mixup_multi.points import check_points, offered_points, run_edited
from mixup_multi.tree import Tree, per_row, take_rows

Meets = Partner | Literal["mirrored"]
Layers = Literal["all", "alternate", "random", "middle"]
Towards = Literal["rows", "noise"]
PartnersPer = Literal["layer", "step"]


@dataclass(frozen=True, slots=True)
class Batchout(Objective):
    """Features are perturbed at several points of one pass.

    Attributes:
        share: the law of own = 1 - n.
        shares: laws of single points, by name, in place of `share`.
        portion: k in [0, 1]: the share of the batch's rows that is perturbed, the first ones.
        partner: which rows meet: `any` is drawn with replacement, the whole batch over;
            `other_class` is the notes' "different class"; `mirrored` pairs i with m - 1 - i.
        partners_per: partners and n are drawn for each layer, or once in a step for all of them.
        points: names of points; `("all_hidden",)`, all but the input; or `("all",)`.
        layers: which of the points: `all`; every second one, from the first; one drawn in each
            step; or the middle one (the later of two).
        towards: other rows, or noise of the features' length.
        loss_fn: the loss of logits and targets.

    Raises:
        SettingError: a value is out of its range.
    """

    share: Share = field(default_factory=lambda: UniformShare(0.9, 1.0))
    shares: Mapping[str, Share] = field(default_factory=dict)
    portion: float = 0.5
    partner: Meets = "any"
    partners_per: PartnersPer = "layer"
    points: tuple[str, ...] = ("all_hidden",)
    layers: Layers = "all"
    towards: Towards = "rows"
    loss_fn: Loss = Softmax()  # noqa: RUF009  (stateless)

    def __post_init__(self) -> None:
        if not 0 <= self.portion <= 1:
            raise SettingError(
                f"portion is {self.portion}: expected a number in [0, 1]", ("portion",)
            )
        if not self.points:
            raise SettingError("points is empty: expected all_hidden, all, or names of points")
        for name, kind in (("layers", Layers), ("towards", Towards), ("partners_per", PartnersPer)):
            if getattr(self, name) not in get_args(kind):
                choices = ", ".join(get_args(kind))
                raise SettingError(f"{name} is {getattr(self, name)!r}: expected one of {choices}")

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        """Draw partners and shares of the first layer, the layer, and a seed for the others."""
        mix = self._mix(targets, generator)
        where = torch.rand(1, generator=generator, dtype=torch.float64).item()
        return Draw(mix, where, seed=_seed(generator))

    def candidates(self, model: nn.Module) -> Sequence[str]:
        """Return the points of which some are perturbed.

        Raises:
            PointError: the model offers none.
        """
        offered = offered_points(model)
        if self.points == ("all",):
            return offered
        if self.points != ("all_hidden",):
            return self.points
        hidden = tuple(name for name in offered if name != "input")
        if not hidden:
            raise PointError(
                "this model offers no hidden point, and Batchout perturbs features; expected a"
                " model with hidden points, or points: input"
            )
        return hidden

    def check(self, model: nn.Module) -> None:
        """Raise `PointError` where the model does not offer the points, or one has no effect."""
        names = self.candidates(model)
        check_points(offered_points(model), names)
        for name in self.shares:
            if name not in names:
                raise PointError(
                    f"an amount of its own was given for {name!r}, which is not among the points"
                    f" that are perturbed{did_you_mean(name, names)}"
                )

    def perturbed(self, model: nn.Module, draw: Draw) -> Sequence[str]:
        """Return the points that this draw perturbs."""
        names = self.candidates(model)
        if self.layers == "alternate":
            return names[::2]
        if self.layers == "random":
            return [names[int(draw.where * len(names))]]
        return [names[len(names) // 2]] if self.layers == "middle" else names

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        """Return the loss of the perturbed pass against the batch's own targets."""
        generator = torch.Generator().manual_seed(draw.seed)
        rows = round(self.portion * len(batch))
        edits = {}
        for number, name in enumerate(self.perturbed(model, draw)):
            mix = draw.mix
            if number and self.partners_per == "layer":
                mix = self._mix(batch.targets, generator)
            if name in self.shares:
                mix = replace(mix, own=self.shares[name].draw(len(batch), generator))
            edits[name] = partial(self._perturb, mix=mix, rows=rows, noise=_branch(generator))
        return score(self.loss_fn, run_edited(model, batch.inputs, edits), batch.targets)

    def _mix(self, targets: Tensor, generator: Generator) -> Mix:
        n = len(targets)
        if self.partner == "mirrored":
            partner = torch.arange(n).flip(0)
        elif self.partner == "any":
            partner = torch.randint(n, (n,), generator=generator)
        else:
            partner = draw_partner(self.partner, targets, generator)
        return Mix(partner, self.share.draw(n, generator))

    def _perturb(self, flow: Tree, mix: Mix, rows: int, noise: Generator) -> Tree:
        """Return the flow with its first `rows` rows moved."""
        if self.towards == "rows":
            return map_mixable(partial(towards_rows, mix=mix, rows=rows), flow)
        return map_mixable(partial(towards_noise, mix=mix, rows=rows, generator=noise), flow)


def towards_rows(leaf: Tensor, mix: Mix, rows: int) -> Tensor:
    """Return x + n (x_R - x) for the first `rows` of `leaf` `(m, ...)`, the others as they are."""
    check_mixable(leaf)
    now = leaf.detach()
    return _add(leaf, take_rows(now, mix.partner[:rows]) - now[:rows], mix)


def towards_noise(leaf: Tensor, mix: Mix, rows: int, generator: Generator) -> Tensor:
    """Return x + n ||x|| noise / ||noise|| for the first `rows` of `leaf` `(m, ...)`."""
    check_mixable(leaf)
    now = leaf.detach()[:rows]
    noise = torch.randn(now.shape, generator=generator).to(now)
    length, of_noise = (torch.linalg.vector_norm(each.flatten(1), dim=1) for each in (now, noise))
    return _add(leaf, per_row(length / of_noise, now) * noise, mix)


def _add(leaf: Tensor, direction: Tensor, mix: Mix) -> Tensor:
    rows = len(direction)
    amount = per_row((1 - mix.own)[:rows].to(leaf), leaf)
    return torch.cat([leaf[:rows] + amount * direction, leaf[rows:]])


def _seed(generator: Generator) -> int:
    return int(torch.randint(2**62, (1,), generator=generator))


def _branch(generator: Generator) -> Generator:
    """Return a generator of a layer's own, so that the order of the layers does not matter."""
    return torch.Generator().manual_seed(_seed(generator))
