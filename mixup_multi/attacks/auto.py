"""AutoAttack (Croce and Hein 2020): four attacks without settings, and an example falls to any.

APGD on the cross-entropy, targeted APGD on the difference of logits ratio, targeted FAB, and
Square, which asks for no gradient; together they tell robustness from gradients that lead nowhere.
The search is the authors' own code, from the extra `autoattack`. It reads images in [0, 1] and
knows one eps for all entries, so it is for data with one range, such as pixels.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal, NoReturn

import torch
from torch import Tensor, nn

from mixup_multi.attacks.attack import Attack, Judge
from mixup_multi.attacks.presets import Size, size_of
from mixup_multi.attacks.quiet import looked_at
from mixup_multi.attacks.search import Ball, Norm
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.extras import load_extra
from mixup_multi.points import bare

Version = Literal["standard", "plus", "rand"]
LEAST_CLASSES = 4
"""The targeted losses compare the largest logits with the fourth."""


@dataclass(frozen=True, slots=True)
class AutoAttack(Attack):
    """The strongest of several searches; of `Attack`'s fields it has eps and norm.

    Attributes:
        version: `standard`; `plus`, with more restarts and losses; or `rand`, for predictors that
            draw at random.
    """

    version: Version = "standard"

    def check(self, model: nn.Module, bounds: Bounds | None) -> None:
        """Raise where the package is not installed, or there is no one range to attack in."""
        _package()
        Attack.check(self, model, bounds)
        if self.place(model) != "input":
            raise PointError("autoattack attacks the input: expected a model that offers it")

    def perturb(
        self,
        model: nn.Module,
        batch: Batch,
        bounds: Bounds | None,
        seed: int,
        judge: Judge,  # noqa: ARG002
    ) -> tuple[nn.Module, Batch]:
        """Return the model and the perturbed batch; see `Attack.perturb`.

        The label is the target's largest entry; the judge is not asked, for each search has its
        own loss.

        Raises:
            SettingError: there are too few classes, or the inputs are no images of one range.
        """
        self.check(model, bounds)
        if self.eps == 0:
            return model, batch
        _check_targets(batch.targets)
        x: Tensor = batch.inputs.detach()
        bounds, low, span = _range(bounds, x)
        images = ((x - low) / span).clamp(0, 1)
        seen = bare(model)
        with looked_at(seen, "eval"), _apart(seen, x.device):
            search = self._search_in(_InUnits(seen, low, span), batch, seed, bounds)
            labels = batch.targets.argmax(1)
            found, _ = search.run_standard_evaluation(images, labels, batch_size=len(x))
        moved = torch.where(found == images, x, low + found * span)
        ball = Ball(x, bounds, self.eps, self.norm)
        return model, replace(batch, inputs=ball.project(moved))

    def climb(self, *_: object, **__: object) -> NoReturn:
        """Refuse: the searches raise their own losses, no other."""
        raise SettingError("autoattack cannot raise another score than its own: expected pgd")

    def _search_in(self, model: nn.Module, batch: Batch, seed: int, bounds: Bounds) -> Any:
        """Return the authors' search, with as many target classes as there are others."""
        search = _package().AutoAttack(
            model,
            norm={"linf": "Linf", "l2": "L2"}[self.norm],
            eps=self.eps / bounds.largest,
            seed=seed,
            version=self.version,
            device=batch.targets.device,
        )
        others = min(9, batch.targets.shape[1] - 1)
        search.verbose = False
        search.fab.n_target_classes = search.apgd_targeted.n_target_classes = others
        return search


def autoattack(
    *, eps: Size = "8/255", norm: Norm = "linf", version: Version = "standard"
) -> AutoAttack:
    """AutoAttack (Croce and Hein 2020), for images of 4 classes or more.

    Settings:
        eps: the radius: a number or a fraction such as `8/255`, in the units of the data.
        norm: of the ball.
    """
    return AutoAttack(size_of("eps", eps), 0.0, norm=norm, version=version)


class _InUnits(nn.Module):
    """A model that reads images in [0, 1]."""

    def __init__(self, model: nn.Module, low: Tensor, span: Tensor) -> None:
        super().__init__()
        self.model = model
        self.low = low
        self.span = span

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.model(self.low + images * self.span)
        return logits


def _package() -> Any:
    return load_extra("pyautoattack", "autoattack", "the attack autoattack")


def _check_targets(targets: Tensor) -> None:
    """Raise `SettingError` where rows are no distributions over enough classes."""
    classes, sums = targets.shape[1], targets.sum(1)
    if classes < LEAST_CLASSES or not torch.allclose(sums, torch.ones_like(sums)):
        raise SettingError(
            f"autoattack asks for one label an example, of {LEAST_CLASSES} classes or more, and"
            f" these targets have {classes} columns: expected pgd, with several restarts"
        )


def _range(bounds: Bounds | None, x: Tensor) -> tuple[Bounds, Tensor, Tensor]:
    """Return the bounds where `x` is, the least input and the range's width.

    Raises:
        SettingError: sizes are not the same share of the range everywhere, or `x` is no image.
    """
    if bounds is not None and x.dim() == 4:
        bounds = bounds.to(x)
        low, high, span = bounds.low, bounds.high, bounds.unit * bounds.largest
        if low is not None and high is not None and _equal(high - low, span):
            return bounds, low, span
    raise SettingError(
        "autoattack moves images (n, c, h, w) whose entries all have one range, such as pixels, and"
        " these data are none: expected pgd, with several restarts"
    )


def _equal(width: Tensor, span: Tensor) -> bool:
    return bool((span > 0).all() and torch.isclose(width, span, rtol=1e-3).all())


@contextmanager
def _apart(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Let the search seed torch, trace calls and pass back to weights, and leave no trace of it."""
    wanted = {parameter: parameter.requires_grad for parameter in model.parameters()}
    tracer = sys.gettrace()
    devices = [device] if device.type == "cuda" else []
    try:
        with torch.random.fork_rng(devices=devices):
            for parameter in wanted:
                parameter.requires_grad_(False)
            yield
    finally:
        sys.settrace(tracer)
        for parameter, wants in wanted.items():
            parameter.requires_grad_(wants)
