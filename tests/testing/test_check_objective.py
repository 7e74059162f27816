"""Every rule of an objective is broken by one stranger's method, and by no other rule's."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from proofs import breaks_only, each, is_complete, variant
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import SettingError
from mixup_multi.mix import BetaShare, Mix, mix_rows
from mixup_multi.objectives import Draw, Objective, Terms
from mixup_multi.objectives.erm import score
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.objective import Memory
from mixup_multi.objectives.presets.settings import LossName
from mixup_multi.points import check_points, offered_points, run_edited, staged
from mixup_multi.testing import Checked, ContractError, check_objective
from mixup_multi.tree import tree_map

CALLS: list[int] = []
LAST: dict[nn.Module, Tensor] = {}
"""State that a method must not have."""


@dataclass(frozen=True)
class Good(Objective):
    """Mixup at a point, as a stranger may write it."""

    alpha: float = 1.0
    points: str | tuple[str, ...] = "first"
    loss_name: LossName = "softmax"

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        partner = torch.randperm(len(targets), generator=generator)
        own = BetaShare(self.alpha).draw(len(targets), generator)
        return Draw(Mix(partner, own), torch.rand(1, generator=generator).item())

    def names(self, model: nn.Module) -> tuple[str, ...]:
        offered = offered_points(model)
        if self.points == "first":
            return offered[:1]
        return (self.points,) if isinstance(self.points, str) else self.points

    def check(self, model: nn.Module) -> None:
        check_points(offered_points(model), self.names(model))

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        names = self.names(model)
        point = names[int(draw.where * len(names))]

        def mixed(flow: Any) -> Any:
            return tree_map(lambda leaf: mix_rows(leaf, draw.mix), flow)

        logits = run_edited(model, batch.inputs, {point: mixed})
        return score(loss_named(self.loss_name), logits, mix_rows(batch.targets, draw.mix))


def good(
    *, alpha: float = 1.0, points: str | tuple[str, ...] = "first", loss: LossName | None = None
) -> Good:
    """Make the good one, as a recipe does: `loss` is what recipes call its setting."""
    return Good(alpha, points, loss or "softmax")


def bad(**changes: Any) -> Any:
    """Return a maker of a method that differs from the good one."""
    kind = variant(Good, **changes)

    def made(
        *, alpha: float = 1.0, points: str | tuple[str, ...] = "first", loss: LossName | None = None
    ) -> Objective:
        """A stranger's mistake."""
        made: Objective = kind(alpha, points, loss or "softmax")
        return made

    return made


def changed(terms: Terms, **changes: Any) -> Terms:
    return replace(terms, **changes)


def undescribed(*, alpha: float = 1.0) -> Good:
    return Good(alpha)


def unannotated(*, alpha=1.0) -> Good:
    """No type."""
    return Good(float(alpha))


def wrong_default(*, alpha: float = "much") -> Good:  # type: ignore[assignment]
    """A default of another type."""
    return Good(1.0 if alpha == "much" else alpha)


def unequal(*, much: float = 1.0) -> Good:
    """Another law each time."""
    return Good(much + len(CALLS.append(0) or CALLS) / 1000)


def ignoring(*, much: float = 1.0) -> Good:
    """Whatever is said."""
    return Good()


@dataclass(frozen=True)
class Unread(Good):
    """A setting that is held and not used."""

    strength: float = 0.5


class NoObjective:
    """The two methods, without the class."""

    draw = Good.draw
    loss = Good.loss


def fit_itself(self: Good, train: Any) -> Good:
    object.__setattr__(self, "alpha", self.alpha + 1)
    return self


def fit_by_chance(self: Good, train: Any) -> Good:
    torch.rand(1)
    return self


def rude(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    if batch.inputs.dim() == 2:
        raise RuntimeError("expected 4 dimensions")
    return Good.loss(self, model, batch, draw)


def refusing(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    raise SettingError("only sounds can be trained on")


def not_alone(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    if len(batch) == 1:
        raise ValueError("no partner")
    return Good.loss(self, model, batch, draw)


def nan_alone(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, total=terms.total / (1 if len(batch) > 1 else 0) * 1)


def points_wanted(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    model.points  # noqa: B018
    return Good.loss(self, model, batch, draw)


def draw_by_torch(self: Good, targets: Tensor, generator: Generator) -> Draw:
    return replace(Good.draw(self, targets, generator), where=torch.rand(1).item())


def draw_by_numpy(self: Good, targets: Tensor, generator: Generator) -> Draw:
    return replace(Good.draw(self, targets, generator), where=float(np.random.rand()))


def draw_by_python(self: Good, targets: Tensor, generator: Generator) -> Draw:
    return replace(Good.draw(self, targets, generator), where=random.random())


def draw_of_counting(self: Good, targets: Tensor, generator: Generator) -> Draw:
    CALLS.append(0)
    return replace(Good.draw(self, targets, generator), seed=len(CALLS))


def draw_in_float32(self: Good, targets: Tensor, generator: Generator) -> Draw:
    draw = Good.draw(self, targets, generator)
    return replace(draw, mix=Mix(draw.mix.partner, draw.mix.own.float()))


def draw_whole_where(self: Good, targets: Tensor, generator: Generator) -> Draw:
    return replace(Good.draw(self, targets, generator), where=1.0)


def draw_labels(self: Good, targets: Tensor, generator: Generator) -> Draw:
    draw = Good.draw(self, targets, generator)
    targets.mul_(0.5)
    return draw


def tracing(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    object.__setattr__(self, "alpha", self.alpha + 0.1)
    return Good.loss(self, model, batch, draw)


def leaving(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    memory: Memory = {"total": terms.total.detach()}
    return changed(terms, memory=memory)


def consuming(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = leaving(self, model, batch, draw)
    return changed(terms, total=terms.total + draw.memory.pop("total", torch.zeros(())))


def detached(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, total=terms.total.detach())


def by_row(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, total=terms.total[None])


def rooted(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    if not mixes(draw):
        return terms
    nothing = sum((p - p.detach()).sum().abs().sqrt() for p in model.parameters())
    return changed(terms, total=terms.total + nothing)


def attached(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, means={**terms.means, "mixed": terms.total})


def percent(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, means={"error": 100 * terms.means["error"] + 1.5})


def counting(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    before = LAST.get(model)
    LAST[model] = draw.mix.own
    same = before is None or torch.equal(before, draw.mix.own)
    return changed(terms, total=terms.total * (1 if same else 1.1))


def by_chance(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    torch.rand(1)
    return Good.loss(self, model, batch, draw)


def called(self: Good, model: Any, batch: Any, generator: Any, memory: Any = None) -> Terms:
    terms = Objective.__call__(self, model, batch, generator, memory)
    return changed(terms, total=terms.total * 1.5)


def in_place(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    if mixes(draw):
        batch.inputs.add_(0.001)
    return Good.loss(self, model, batch, draw)


def shares_in_place(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    draw.mix.own.clamp_(0.1, 0.12)
    return terms


def evaluating(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    model.eval()
    return terms


def backward(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    Good.loss(self, model, batch, draw).total.backward()
    return Good.loss(self, model, batch, draw)


def looking(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    with torch.no_grad():
        model(batch.inputs)
    return Good.loss(self, model, batch, draw)


def narrow(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, total=terms.total.float())


def hardened(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    targets = batch.targets
    if targets.shape[1] == 3:
        targets = as_targets(targets.argmax(1), 3, targets.dtype)
    return Good.loss(self, model, replace(batch, targets=targets), draw)


def two_columns(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    if batch.targets.shape[1] == 1:
        terms = Good.loss(self, model, batch, draw)
        return changed(terms, total=terms.total * 0)
    return Good.loss(self, model, batch, draw)


def logarithms(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, total=terms.total + 0 * batch.targets.log1p().min().nan_to_num(0, 0, 0))


def rooted_numbers(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    if batch.targets.shape[1] == 3:
        return terms
    return changed(terms, total=terms.total * (batch.targets.min() + 1e-9).sqrt().add(1).log1p())


def uphill(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, total=-terms.total) if mixes(draw) else terms


def swapped(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    """Labels get the complement of the rows' share, where a row is mixed at all."""
    terms: list[Terms] = []
    mix = draw.mix
    inverted = Mix(mix.partner, torch.where(mix.own == 1, mix.own, 1 - mix.own))
    targets = mix_rows(batch.targets, inverted)
    kept = Draw(Mix.identity(len(batch)), draw.where)

    def mixed(flow: Any) -> Any:
        return tree_map(lambda leaf: mix_rows(leaf, mix), flow)

    whole = replace(batch, inputs=mixed(batch.inputs), targets=targets)
    terms.append(Good.loss(self, model, whole, kept))
    return terms[0]


def never_plain(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    own = 0.9 + 0.1 * draw.mix.own if not mixes(draw) else draw.mix.own
    partner = torch.arange(len(batch)).roll(1) if not mixes(draw) else draw.mix.partner
    return Good.loss(self, model, batch, replace(draw, mix=Mix(partner, own * 0.999)))


def summed(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, total=terms.total * len(batch)) if mixes(draw) else terms


def never_wrong(self: Good, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
    terms = Good.loss(self, model, batch, draw)
    return changed(terms, means={"error": torch.zeros(())}) if mixes(draw) else terms


def mixes(draw: Draw) -> bool:
    return bool((draw.mix.own != 1).any())


BROKEN: dict[str, tuple[Any, str]] = {
    "it_is_described": (undescribed, "undescribed has no docstring.*\n.*mend: .*equation"),
    "its_settings_are_annotated": (unannotated, "the setting alpha has no type"),
    "equal_settings_make_equal_members": (unequal, "two members of equal settings differ"),
    "every_setting_has_an_effect": (ignoring, "much = 0.3 made the same as much left out"),
    "it_is_an_objective": (NoObjective, "it is a NoObjective\n.*derive it from"),
    "it_trains": (bad(loss=rude), "on rows .*RuntimeError: expected 4 dimensions at .*py:"),
    "it_takes_any_number_of_rows": (bad(loss=not_alone), "of 1 rows, .*ValueError: no partner"),
    "a_model_without_points_trains_or_is_refused": (bad(loss=points_wanted), "AttributeError"),
    "draws_come_from_the_generator": (
        bad(draw=draw_by_torch),
        "draw changed torch's global generator\n.*torch.rand.*generator=generator",
    ),
    "a_draw_has_its_form": (bad(draw=draw_in_float32), r"shares of \d rows are \(1,\) of float32"),
    "draw_reads_targets_only": (bad(draw=draw_labels), "draw changed the targets"),
    "steps_leave_no_trace": (bad(loss=tracing), "holds another state after three steps"),
    "what_a_step_remembers_reaches_the_next": (
        bad(loss=leaving),
        r"remembers is False, and a step left \['total'\]",
    ),
    "a_point_that_is_missing_is_refused": (
        bad(check=lambda self, model: None),
        "'hiden' was not refused before training\n.*check_points",
    ),
    "a_total_is_a_finite_scalar_with_gradients": (bad(loss=rooted), "a gradient is NaN"),
    "other_terms_are_detached_scalars": (bad(loss=attached), r"mixed is \(\) .*gradient: True"),
    "the_same_draw_gives_the_same_total": (bad(loss=counting), "the same draw gave .* and"),
    "a_step_uses_no_global_generator": (bad(loss=by_chance), "loss changed torch's global"),
    "calling_is_drawing_and_evaluating": (bad(__call__=called), "do not override __call__"),
    "batch_and_draw_are_left_alone": (bad(loss=in_place), "a step changed the inputs or targets"),
    "the_model_is_left_alone": (bad(loss=evaluating), "weights or modes changed"),
    "only_trained_passes_count_in_batch_norm": (
        bad(loss=looking),
        "1 of 2 passes that were counted got no gradient\n.*looked_at",
    ),
    "it_computes_in_float64": (bad(loss=narrow), r"the total is \(\) of float32"),
    "soft_targets_train": (bad(loss=hardened), "softer targets gave the same total"),
    "labels_of_zero_and_one_train": (bad(loss=two_columns), r"of targets \(\d, 1\) all gradients"),
    "numbers_train_or_are_refused": (bad(loss=rooted_numbers), "of 2 rows of numbers the total"),
    "training_lowers_the_loss": (bad(loss=uphill), "the loss was .* before 20 steps, and .* after"),
    "without_mixing_it_is_erm": (
        bad(loss=never_plain),
        r"the total is [\d.]+, ERM's is [\d.]+\n.*plain=None",
    ),
    "labels_follow_inputs": (bad(loss=swapped), r"weigh each like -0\.\d+|like -1.00"),
    "the_total_is_a_mean": (bad(loss=summed), r"of 7 rows it is [\d.]+, of 28 rows [\d.]+"),
    "the_error_follows_the_labels": (bad(loss=never_wrong), "it is 0, whatever the labels are"),
}
MORE: list[tuple[str, Any, str]] = [
    ("its_settings_are_annotated", wrong_default, "the default of alpha does not fit"),
    ("every_setting_has_an_effect", Unread, "the setting strength is held, but never read"),
    ("it_is_an_objective", bad(fit=fit_itself), "fit changed the objective itself"),
    ("it_is_an_objective", bad(fit=fit_by_chance), "fit changed torch's global generator"),
    ("it_trains", bad(loss=refusing), "it refused all: images .*only sounds.*\n.*model= and"),
    ("it_takes_any_number_of_rows", bad(loss=nan_alone), "of 1 rows, .*: the total is inf"),
    ("draws_come_from_the_generator", bad(draw=draw_by_numpy), "numpy's global generator"),
    ("draws_come_from_the_generator", bad(draw=draw_by_python), "generator of Python's `random`"),
    ("draws_come_from_the_generator", bad(draw=draw_of_counting), "from equal generators differ"),
    ("what_a_step_remembers_reaches_the_next", bad(remembers=True), "no step left anything"),
    (
        "what_a_step_remembers_reaches_the_next",
        bad(loss=leaving, remembers=True),
        "as if it remembered nothing",
    ),
    (
        "what_a_step_remembers_reaches_the_next",
        bad(loss=consuming, remembers=True),
        "the next step changed the memory",
    ),
    ("a_total_is_a_finite_scalar_with_gradients", bad(loss=by_row), r"the total is \(1,\)"),
    ("other_terms_are_detached_scalars", bad(loss=percent), "the error is .*\n.*0 to 1"),
    ("batch_and_draw_are_left_alone", bad(loss=shares_in_place), "a step changed the draw"),
    ("the_model_is_left_alone", bad(loss=backward), "a gradient was left in .grad"),
]


def test_every_rule_has_its_broken_method() -> None:
    is_complete("objective", BROKEN)


@each(BROKEN)
def test_a_broken_method_breaks_its_rule_and_no_other(rule: str) -> None:
    member, pattern = BROKEN[rule]
    breaks_only(rule, lambda: check_objective(member), pattern)


@pytest.mark.parametrize(("rule", "member", "pattern"), MORE)
def test_the_other_ways_to_break_a_rule(rule: str, member: Any, pattern: str) -> None:
    with pytest.raises(ContractError, match=pattern):
        check_objective(member, only=rule)


@pytest.mark.parametrize("member", [good, Good, Good(0.4)])
def test_a_strangers_method_passes(member: Any) -> None:
    report = check_objective(member)
    assert len(report.passed) + len(report.skipped) == len(BROKEN)
    assert len(report.passed) >= 21


@dataclass(frozen=True)
class Factored(Good):
    """The same, with a default that is made anew for every instance."""

    points: str | tuple[str, ...] = field(default_factory=lambda: "first")


def test_a_method_whose_default_is_made_by_a_factory_passes() -> None:
    assert len(check_objective(Factored).passed) >= 21


def test_what_does_not_apply_is_said() -> None:
    report = check_objective(Good(0.4))
    why = report.skipped["Good: every_setting_has_an_effect"]
    assert why == "it was given as an instance"
    assert f"{len(report.skipped)} did not apply" in str(report)
    nothing = check_objective(Good(0.4), only="every_setting_has_an_effect")
    assert nothing == Checked("Good", (), {"Good: every_setting_has_an_effect": why})
    assert "0 checks passed (nothing was checked)" in str(nothing)


def test_settings_a_model_and_a_batch_can_be_given() -> None:
    net = staged(nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 4)), at=["1"])
    targets = as_targets(torch.arange(10) % 4, 4)
    batch = Batch(torch.randn(10, 5, generator=torch.Generator().manual_seed(0)), targets)
    report = check_objective(good, settings={"points": ["1"]}, model=net, batch=batch)
    assert "good: it_trains" in report.passed
    assert "outputs of its own" in report.skipped["good: labels_of_zero_and_one_train"]
    with pytest.raises(SettingError, match="only one of model and batch"):
        check_objective(good, model=net)
    with pytest.raises(SettingError, match="'alhpa'; did you mean 'alpha'"):
        check_objective(good, settings={"alhpa": 1.0})
    with pytest.raises(SettingError, match="'it_train'; did you mean 'it_trains'"):
        check_objective(good, only="it_train")
    with pytest.raises(SettingError, match="only is empty: expected names of rules"):
        check_objective(good, only=[])
    with pytest.raises(SettingError, match="no effect beside an instance"):
        check_objective(Good(), settings={"alpha": 1.0})
    with pytest.raises(SettingError, match="3 is no objective: expected a name, module:callable"):
        check_objective(3)


def test_all_that_is_broken_is_said_at_once() -> None:
    with pytest.raises(ContractError, match="bad breaks 2 rules of its contract") as raised:
        check_objective(named_bad(loss=by_chance, draw=draw_by_torch))
    assert len(raised.value.failures) == 2
    assert str(raised.value).count("mend:") == 2


def named_bad(**changes: Any) -> Any:
    maker = bad(**changes)
    maker.__qualname__ = "bad"
    return maker
