"""Every rule of an evaluation is broken by one stranger's evaluation, and by no other rule's."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from proofs import breaks_only, each, is_complete, variant

from mixup_multi.errors import SettingError
from mixup_multi.evaluations import Curve, Evaluation, Measured, Subject
from mixup_multi.testing import check_evaluation

CALLS: list[int] = []
"""State that an evaluation must not have."""


@dataclass(frozen=True)
class Good(Evaluation):
    """The mean largest probability of an odd power of it."""

    power: float = 1.0

    def numbers(self, subject: Subject) -> torch.Tensor:
        outputs = subject.outputs("test")
        return outputs.logits.softmax(1).amax(1) ** self.power

    def measure(self, subject: Subject) -> Measured:
        found = self.numbers(subject)
        curve = Curve("example", "probability", (0.0, 1.0), (float(found[0]), float(found[1])))
        return Measured({"surest": float(found.mean())}, {"first two": curve})


def bad(**changes: Any) -> type:
    return variant(Good, **changes)


class Undescribed(Good):
    pass


@dataclass(frozen=True)
class Unannotated(Good):
    """A setting of any type."""

    depth: Any = 3

    def numbers(self, subject: Subject) -> torch.Tensor:
        return Good.numbers(self, subject) * (self.depth is not None)


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


def nothing(self: Good, subject: Subject) -> Measured:
    self.numbers(subject)
    return Measured({})


def a_tensor(self: Good, subject: Subject) -> Measured:
    found = Good.measure(self, subject)
    return Measured({"surest": torch.tensor(found.values["surest"])}, found.curves)  # type: ignore[dict-item]


def a_short_curve(self: Good, subject: Subject) -> Measured:
    found = Good.measure(self, subject)
    return Measured(found.values, {"short": Curve("x", "y", (0.0, 1.0), (0.5,))})


def by_chance(self: Good, subject: Subject) -> torch.Tensor:
    torch.rand(1)
    return Good.numbers(self, subject)


def stepping(self: Good, subject: Subject) -> torch.Tensor:
    found = Good.numbers(self, subject)
    next(subject.model.parameters()).data.mul_(1.0000002)
    return found.mean().mul(100).round().expand(2) / 100


def tracing(self: Good, subject: Subject) -> torch.Tensor:
    found = Good.numbers(self, subject)
    object.__setattr__(self, "power", self.power * (1 + 1e-15))
    return found.mean().mul(100).round().expand(2) / 100


def never(self: Good, subject: Subject) -> None:
    raise SettingError("it is never right")


def refused(self: Good, subject: Subject) -> Measured:
    raise SettingError("classes are too few")


BROKEN: dict[str, tuple[Any, str]] = {
    "it_is_described": (Undescribed, "Undescribed has no docstring"),
    "its_settings_are_annotated": (Unannotated, "the setting depth has no type"),
    "equal_settings_make_equal_members": (Unequal, "two members of equal settings differ"),
    "every_setting_has_an_effect": (Unread, "the setting strength is held, but never read"),
    "it_takes_the_subject": (bad(check=never), "it refused: it is never right\n.*subject="),
    "it_measures": (bad(measure=nothing), "it measured no value"),
    "values_are_numbers": (bad(measure=a_tensor), r"'surest' is tensor\(.*\n.*item\(\)"),
    "curves_have_as_many_x_as_y": (bad(measure=a_short_curve), "short: 2 x, 1 y"),
    "measuring_twice_gives_the_same": (bad(numbers=by_chance), "changed torch's global generator"),
    "model_and_data_are_left_alone": (bad(numbers=stepping), "the model or the data changed"),
    "evaluating_leaves_no_trace": (bad(numbers=tracing), "it holds another state"),
}


def test_every_rule_has_its_broken_evaluation() -> None:
    is_complete("evaluation", BROKEN)


@each(BROKEN)
def test_a_broken_evaluation_breaks_its_rule_and_no_other(rule: str) -> None:
    member, pattern = BROKEN[rule]
    breaks_only(rule, lambda: check_evaluation(member), pattern)


def test_what_is_refused_only_after_training_is_found() -> None:
    bad_one = bad(measure=refused)
    try:
        check_evaluation(bad_one, only="it_measures")
    except AssertionError as error:
        assert "SettingError: classes are too few" in str(error)  # noqa: PT017
    else:
        raise AssertionError("nothing was found")


def test_a_strangers_evaluation_passes() -> None:
    assert len(check_evaluation(Good, settings={"power": 3.0}).passed) == len(BROKEN)
