"""Every rule of an attack is broken by one stranger's attack, and by no other rule's."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import torch
from proofs import breaks_only, each, is_complete, variant
from torch import Tensor, nn

from mixup_multi.attacks import looked_at
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError
from mixup_multi.testing import check_attack

CALLS: list[int] = []
"""State that an attack must not have."""


@dataclass(frozen=True)
class Good:
    """A step along the gradient's sign from a random start, clamped."""

    eps: float = 0.1
    norm: str = "linf"

    def check(self, model: nn.Module, bounds: Bounds | None) -> None:
        if bounds is None:
            raise PointError("nobody has said what a legal input is")

    def start(self, x: Tensor, seed: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        assert self.norm
        return x + 0.02 * self.eps * torch.randn(x.shape, generator=generator).clamp(-1, 1)

    def gradient(self, model: nn.Module, x: Tensor, batch: Batch, judge: Any) -> Tensor:
        with looked_at(model, "eval"), torch.enable_grad():
            x = x.clone().requires_grad_()
            (found,) = torch.autograd.grad(judge.value(model(x), batch.targets).sum(), x)
        return found

    def reach(self, bounds: Bounds) -> Tensor:
        return 0.97 * self.eps * bounds.unit

    def found(self, batch: Batch, x: Tensor, bounds: Bounds) -> Batch:
        return replace(batch, inputs=x.clamp(bounds.low, bounds.high), rows=None)

    def perturb(
        self, model: nn.Module, batch: Batch, bounds: Bounds | None, seed: int, judge: Any
    ) -> tuple[nn.Module, Batch]:
        self.check(model, bounds)
        assert bounds is not None
        gradient = self.gradient(model, self.start(batch.inputs, seed), batch, judge)
        x = self.start(batch.inputs, seed) + self.reach(bounds) * gradient.sign()
        return model, self.found(batch, x, bounds)


def bad(**changes: Any) -> type:
    return variant(Good, **changes)


class Undescribed(Good):
    pass


@dataclass(frozen=True)
class Unannotated(Good):
    """A setting of any type."""

    depth: Any = 3

    def start(self, x: Tensor, seed: int) -> Tensor:
        return Good.start(self, x, seed + (self.depth == 0))


@dataclass(frozen=True)
class Unequal(Good):
    """Another one each time."""

    mark: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        CALLS.append(0)
        object.__setattr__(self, "mark", len(CALLS))


@dataclass(frozen=True)
class Unread(Good):
    """A setting that is held and not used."""

    strength: float = 0.5


def never(self: Good, model: nn.Module, bounds: Bounds | None) -> None:
    raise PointError("it is never right")


def with_rows(self: Good, batch: Batch, x: Tensor, bounds: Bounds) -> Batch:
    return replace(Good.found(self, batch, x, bounds), rows=batch.rows)


def unclamped(self: Good, batch: Batch, x: Tensor, bounds: Bounds) -> Batch:
    return replace(batch, inputs=x, rows=None)


def downhill(self: Good, *args: Any) -> Tensor:
    return -Good.gradient(self, *args)


def training(self: Good, model: nn.Module, x: Tensor, batch: Batch, judge: Any) -> Tensor:
    found = Good.gradient(self, model, x, batch, judge)
    model.train()
    return found


def by_chance(self: Good, x: Tensor, seed: int) -> Tensor:
    torch.rand(1)
    return Good.start(self, x, seed)


def tracing(self: Good, x: Tensor, seed: int) -> Tensor:
    object.__setattr__(self, "eps", self.eps * (1 + 1e-9))
    return Good.start(self, x, seed)


BROKEN: dict[str, tuple[Any, str]] = {
    "it_is_described": (Undescribed, "Undescribed has no docstring"),
    "its_settings_are_annotated": (Unannotated, "the setting depth has no type"),
    "equal_settings_make_equal_members": (Unequal, "two members of equal settings differ"),
    "every_setting_has_an_effect": (Unread, "the setting strength is held, but never read"),
    "it_takes_images": (bad(check=never), "it refused images .*: it is never right"),
    "form_and_targets_stay": (bad(found=with_rows), "still has rows.*\n.*rows=None"),
    "what_is_found_is_legal": (bad(found=unclamped), r"inputs from -1\.\d+ to 1\.\d+"),
    "the_loss_is_raised": (bad(gradient=downhill), r"it rose by \[-"),
    "model_and_batch_are_left_alone": (bad(gradient=training), "the model or the batch changed"),
    "the_seed_decides": (bad(start=by_chance), "an attack changed torch's global generator"),
    "attacking_leaves_no_trace": (bad(start=tracing), "it holds another state"),
    "missing_bounds_are_refused": (
        bad(check=lambda self, model, bounds: None),
        "check took inputs without bounds",
    ),
}


def test_every_rule_has_its_broken_attack() -> None:
    is_complete("attack", BROKEN)


@each(BROKEN)
def test_a_broken_attack_breaks_its_rule_and_no_other(rule: str) -> None:
    member, pattern = BROKEN[rule]
    breaks_only(rule, lambda: check_attack(member), pattern)


def test_a_strangers_attack_passes() -> None:
    assert len(check_attack(Good, settings={"eps": 0.05}).passed) == len(BROKEN)
    assert "too large" not in str(check_attack(Good(0.05)))
