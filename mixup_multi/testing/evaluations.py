"""The contract of an evaluation: numbers about a trained model, which stays as it was."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mixup_multi import door
from mixup_multi.errors import MixupMultiError
from mixup_multi.evaluations.evaluation import Evaluation, Measured, Subject
from mixup_multi.testing.compare import alike, global_generators_stay, picture
from mixup_multi.testing.contract import Checked, broken, require, rule, run, skip
from mixup_multi.testing.members import Given, given_as
from mixup_multi.testing.settings import attributes_read
from mixup_multi.testing.subject import trained


@dataclass(frozen=True)
class EvaluationCase:
    """An evaluation, and the trained model that it is asked about."""

    given: Given
    subject: Subject

    @property
    def label(self) -> str:
        """What the evaluation is called."""
        return self.given.label

    @cached_property
    def refusal(self) -> str:
        """Why the evaluation has no meaning for the subject; empty where it has."""
        try:
            self.given.make().check(self.subject)
        except MixupMultiError as error:
            return str(error)
        return ""

    def evaluation(self) -> Evaluation:
        """Return the evaluation; the rule does not apply where it refuses the subject."""
        made: Evaluation = self.given.make()
        return skip(self.refusal) if self.refusal else made

    def read_by_use(self, made: Any) -> set[str]:
        """Return the attributes that are read by measuring."""

        def use(evaluation: Evaluation) -> None:
            evaluation.check(self.subject)
            evaluation.measure(self.subject)

        return attributes_read(made, use)


def check_evaluation(
    maker: Any,
    *,
    settings: Mapping[str, Any] | None = None,
    subject: Subject | None = None,
    only: str | list[str] | None = None,
) -> Checked:
    """Hold an evaluation to its contract; `rules("evaluation")` lists it.

    Args:
        maker: an installed name, `module:callable`, a class or function that a recipe would name,
            or an `Evaluation`.
        settings: of the maker, as in a recipe.
        subject: a trained model with its data, in place of a small one of three classes.
        only: names of rules; None for all.

    Returns:
        The report: which checks passed, and which did not apply, with why.

    Raises:
        ContractError: a rule is broken; the message says which, what was found, how to mend it.
        SettingError: there is no such evaluation, or it does not take the settings.

    >>> check_evaluation("nll", only="values_are_numbers").passed
    ('nll: values_are_numbers',)
    """
    given = given_as(door.EVALUATIONS, maker, door.MADE[door.EVALUATIONS], settings)
    given.make()
    case = EvaluationCase(given, subject or trained())
    return run(case.label, [("evaluation", case)], only)


@rule("evaluation")
def it_takes_the_subject(case: EvaluationCase) -> None:
    """`check` lets the trained model pass: what refuses all has been held to nothing."""
    if case.refusal:
        broken(f"it refused: {case.refusal}", "give check_evaluation a subject=, or settings=")


@rule("evaluation")
def it_measures(case: EvaluationCase) -> None:
    """What `check` lets pass is measured: `measure` returns `Measured`, with one value or more."""
    found = case.evaluation().measure(case.subject)
    mend = "return Measured({'name': number}); raise what can be known before training in `check`"
    require(isinstance(found, Measured), f"measure returned a {type(found).__name__}", mend)
    require(bool(found.values), "it measured no value", mend)


@rule("evaluation")
def values_are_numbers(case: EvaluationCase) -> None:
    """Values are Python numbers by name, finite or NaN, that JSON can keep; a unit is stated."""
    evaluation = case.evaluation()
    require(isinstance(evaluation.unit, str), f"unit is {evaluation.unit!r}", "unit = '%'")
    for name, value in evaluation.measure(case.subject).values.items():
        plain = type(value) in (int, float) and not math.isinf(value)
        require(plain, f"{name!r} is {value!r}", "float(tensor), or tensor.item()")
        json.dumps({name: value})


@rule("evaluation")
def curves_have_as_many_x_as_y(case: EvaluationCase) -> None:
    """A curve has labelled axes, and as many numbers along the one as along the other."""
    curves = case.evaluation().measure(case.subject).curves
    if not curves:
        skip("it draws no curve")
    for name, curve in curves.items():
        fits = len(curve.x) == len(curve.y) > 0 and curve.x_label and curve.y_label
        require(bool(fits), f"{name}: {len(curve.x)} x, {len(curve.y)} y", "Curve(x_label, ...)")


@rule("evaluation")
def measuring_twice_gives_the_same(case: EvaluationCase) -> None:
    """Measured again, it gives the same numbers, and no global generator is used."""
    evaluation = case.evaluation()
    mend = "draw by a seed of the settings: streams.stream(seed, name)"
    with global_generators_stay("measuring", mend):
        one, other = (picture(evaluation.measure(case.subject)) for _ in range(2))
    if not alike(one, other):
        broken("it gave other numbers", mend)


@rule("evaluation")
def model_and_data_are_left_alone(case: EvaluationCase) -> None:
    """The model's weights, statistics, modes and gradients stay, and so do the examples."""
    model, data = case.subject.model, case.subject.data
    before = picture((model, data.train, data.test))
    case.evaluation().measure(case.subject)
    same = alike(before, picture((model, data.train, data.test)))
    require(
        same, "the model or the data changed", "looked_at(model, 'eval') of mixup_multi.attacks"
    )
    kept = all(weight.grad is None for weight in model.parameters())
    require(kept, "a gradient was left in .grad", "torch.autograd.grad, or torch.no_grad()")


@rule("evaluation")
def evaluating_leaves_no_trace(case: EvaluationCase) -> None:
    """Nothing changes on the evaluation: it is settings, which may be shared."""
    evaluation = case.evaluation()
    before = picture(evaluation)
    evaluation.measure(case.subject)
    require(alike(before, picture(evaluation)), "it holds another state", "return what you know")
