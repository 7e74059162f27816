"""Every rule of a predictor is broken by one stranger's predictor, and by no other rule's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from proofs import breaks_only, each, is_complete, variant
from torch import Tensor, nn

from mixup_multi.attacks import looked_at
from mixup_multi.points import check_points, offered_points, run_edited
from mixup_multi.predict import Predictor
from mixup_multi.streams import stream
from mixup_multi.testing import check_predictor

CALLS: list[int] = []
"""State that a predictor must not have."""


@dataclass(frozen=True)
class Good(Predictor):
    """The mean of logits over noisy copies of the inputs."""

    sigma: float = 0.1
    copies: int = 2

    def noise(self, inputs: Tensor, seed: int) -> Tensor:
        generator = stream(seed, "mix")
        shape = (self.copies, *inputs.shape)
        return self.sigma * torch.randn(shape, generator=generator).to(inputs)

    def asked(self, model: nn.Module, inputs: Tensor, edits: Any) -> Tensor:
        return run_edited(model, inputs, edits or {})

    def logits(
        self,
        model: nn.Module,
        inputs: Any,
        seed: int,
        judge: Any,
        *,
        rows: Tensor | None = None,
        edits: Any = None,
    ) -> Tensor:
        with looked_at(model, "eval"):
            copies = inputs + self.noise(inputs, seed)
            return judge.averaged(torch.stack([self.asked(model, x, edits) for x in copies]))


def bad(**changes: Any) -> type:
    return variant(Good, **changes)


class Undescribed(Good):
    pass


@dataclass(frozen=True)
class Unannotated(Good):
    """A setting of any type."""

    depth: Any = 3

    def noise(self, inputs: Tensor, seed: int) -> Tensor:
        return Good.noise(self, inputs, seed + (self.depth == 0))


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


class NoPredictor:
    """The methods, without the class."""

    fit = Predictor.fit
    check = Predictor.check
    to = Predictor.to
    logits = Good.logits
    probabilities = Predictor.probabilities
    noise = Good.noise
    asked = Good.asked
    sigma = 0.1
    copies = 2


def of_one_row(self: Good, *args: Any, **more: Any) -> Tensor:
    p = Predictor.probabilities(self, *args, **more)
    return p.squeeze() if len(p) == 1 else p


def of_classes(self: Good, model: Any, inputs: Any, edits: Any) -> Tensor:
    logits = Good.asked(self, model, inputs, edits)
    return logits.expand(-1, 2) if logits.shape[1] == 1 else logits


def only_softmax(self: Good, *args: Any, **more: Any) -> Tensor:
    logits = Good.logits(self, *args, **more)
    return logits if type(args[3]).__name__ in ("Softmax", "Sigmoid") else logits.log()


def by_chance(self: Good, inputs: Tensor, seed: int) -> Tensor:
    torch.rand(1)
    return Good.noise(self, inputs, seed)


def stepping(self: Good, model: Any, inputs: Any, edits: Any) -> Tensor:
    logits = Good.asked(self, model, inputs, edits)
    next(model.parameters()).data.add_(1e-12)
    return logits


def tracing(self: Good, inputs: Tensor, seed: int) -> Tensor:
    noise = Good.noise(self, inputs, seed)
    object.__setattr__(self, "sigma", self.sigma * (1 + 1e-16) + 1e-12)
    return noise


def modal(self: Good, model: Any, inputs: Any, seed: int, judge: Any, **more: Any) -> Tensor:
    factor = 2 if model.training else 1
    return factor * Good.logits(self, model, inputs, seed, judge, **more)


def hard(self: Good, model: Any, inputs: Any, edits: Any) -> Tensor:
    return Good.asked(self, model, inputs.detach() + 0 * inputs, edits)


def without_edits(self: Good, model: Any, inputs: Any, edits: Any) -> Tensor:
    return model(inputs)


def pointed(self: Good, model: Any, inputs: Any, edits: Any) -> Tensor:
    check_points(offered_points(model), ["hidden"])
    return Good.asked(self, model, inputs, edits)


def moved(self: Good, device: Any) -> Good:
    return type(self)(self.sigma + 1, self.copies)


BROKEN: dict[str, tuple[Any, str]] = {
    "it_is_described": (Undescribed, "Undescribed has no docstring"),
    "its_settings_are_annotated": (Unannotated, "the setting depth has no type"),
    "equal_settings_make_equal_members": (Unequal, "two members of equal settings differ"),
    "every_setting_has_an_effect": (Unread, "the setting strength is held, but never read"),
    "it_is_a_predictor": (NoPredictor, "it is a NoPredictor"),
    "it_predicts_distributions": (bad(probabilities=of_one_row), r"1 rows gave \(3,\)"),
    "it_predicts_one_column": (bad(asked=of_classes), r"4 rows gave \(4, 2\)"),
    "every_loss_is_judged_by_or_refused": (bad(logits=only_softmax), "with the loss .* it said"),
    "the_seed_decides": (bad(noise=by_chance), "a prediction changed torch's global generator"),
    "model_and_inputs_are_left_alone": (bad(asked=stepping), "the model or the inputs changed"),
    "predicting_leaves_no_trace": (bad(noise=tracing), "the predictor holds another state"),
    "it_predicts_in_evaluation_mode": (bad(logits=modal), "they differ by .*\n.*looked_at"),
    "gradients_reach_the_inputs": (bad(asked=hard), r"gradients of rows are \[0.0"),
    "edits_are_passed_on": (bad(asked=without_edits), "logits stayed\n.*run_edited"),
    "a_model_without_points_can_be_asked": (bad(asked=pointed), "PointError"),
    "it_can_be_moved": (bad(to=moved), "it predicts otherwise"),
}


def test_every_rule_has_its_broken_predictor() -> None:
    is_complete("predictor", BROKEN)


@each(BROKEN)
def test_a_broken_predictor_breaks_its_rule_and_no_other(rule: str) -> None:
    member, pattern = BROKEN[rule]
    breaks_only(rule, lambda: check_predictor(member), pattern)


def test_a_strangers_predictor_passes() -> None:
    assert len(check_predictor(Good, settings={"copies": 3}).passed) == len(BROKEN)
    assert len(check_predictor(Good(0.2)).skipped) == 3
