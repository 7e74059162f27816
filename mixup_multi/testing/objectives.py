"""The contract of an objective: what it is, what it draws, and that it is only settings.

What its steps keep to stands in `objective_steps`, what its numbers mean in `objective_values`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import PointError
from mixup_multi.objectives.objective import Draw, Objective
from mixup_multi.points import offered_points
from mixup_multi.streams import stream
from mixup_multi.testing import settings as _settings  # noqa: F401  (its rules come first)
from mixup_multi.testing.compare import alike, global_generators_stay, picture, shape_of
from mixup_multi.testing.contract import Checked, broken, raised, require, rule, run, skip
from mixup_multi.testing.objective_case import (
    ObjectiveCase,
    drawn,
    gradients,
    objective_case,
    polite,
)
from mixup_multi.testing.probes import PLAIN, ROWS, SIZES

_OWN_GENERATOR = (
    "everything random must come from the `generator` argument of `draw`, or runs cannot be"
    " repeated: torch.rand(..., generator=generator)"
)


def check_objective(
    maker: Any,
    *,
    settings: Mapping[str, Any] | None = None,
    model: nn.Module | None = None,
    batch: Batch | None = None,
    plain: Mapping[str, Any] | None = MappingProxyType({}),
    only: str | list[str] | None = None,
) -> Checked:
    """Hold a training method to its contract; `rules("objective")` lists it.

    Args:
        maker: an installed name, `module:callable`, a class or function that a recipe would name,
            or an `Objective`.
        settings: of the maker, as in a recipe.
        model: what it trains, in place of small models of images and of rows. It returns logits
            `(n, c)` and may offer points.
        batch: what the model reads, with its targets `(n, c)`.
        plain: what else has to be set for the method to be ERM at `alpha: 0`, e.g.
            `{"eta": 0.0}`; None where its `alpha` is something else, or it is never ERM.
        only: names of rules; None for all.

    Returns:
        The report: which checks passed, and which did not apply, with why.

    Raises:
        ContractError: a rule is broken; the message says which, what was found, how to mend it.
        SettingError: there is no such method, or it does not take the settings.

    >>> check_objective("mixup", settings={"alpha": 0.4}, only="a_draw_has_its_form").passed
    ('mixup: a_draw_has_its_form',)
    """
    case = objective_case(maker, settings, model, batch, plain)
    case.given.make(**(plain or {}))
    case.given.make()
    return run(case.label, [("objective", case)], only)


@rule("objective")
def it_is_an_objective(case: ObjectiveCase) -> None:
    """What is made derives from `Objective`, and fitting and checking it leave it as it was."""
    objective = case.given.make()
    if not isinstance(objective, Objective):
        broken(f"it is a {type(objective).__name__}", "derive it from mixup_multi.Objective")
    before = picture(objective)
    with global_generators_stay("fit", "seed a generator of your own in `fit`"):
        fitted = objective.fit(case.probes[0].training())
    mend = "fit returns another objective: dataclasses.replace(self, ...), or self"
    if not isinstance(fitted, Objective):
        broken(f"fit returned a {type(fitted).__name__}", mend)
    require(alike(before, picture(objective)), "fit changed the objective itself", mend)


@rule("objective")
def it_trains(case: ObjectiveCase) -> None:
    """It trains on images or on rows, and refuses what it cannot train on by `PointError`."""
    for name, error in case.failures.items():
        if not polite(error):
            broken(f"on {name}: {raised(error)}", "raise PointError where inputs do not fit")
    if len(case.failures) == len(case.probes):
        said = "; ".join(f"{name}: {error}" for name, error in case.failures.items())
        broken(f"it refused all: {said}", "give check_objective a model= and batch= that fit")


@rule("objective")
def it_takes_any_number_of_rows(case: ObjectiveCase) -> None:
    """It trains on one row, on two and on seven: the last batch may be of any size."""
    for probe in case.taken:
        for n in SIZES:
            failure = case.failure(probe, n)
            if failure is not None:
                broken(f"of {n} rows, {probe.name}: {failure}", "a row may be its own partner")


@rule("objective")
def a_model_without_points_trains_or_is_refused(case: ObjectiveCase) -> None:
    """A model that offers no points is mixed at its input, or refused by `PointError`."""
    if ROWS not in case.taken:
        skip("it does not train on rows, or was given a model")
    try:
        terms = case.steps(PLAIN)
    except PointError:
        return
    require(bool(terms.total.isfinite()), f"the total is {terms.total.item()}", "see `it_trains`")


@rule("objective")
def draws_come_from_the_generator(case: ObjectiveCase) -> None:
    """What `draw` draws comes from the generator that it is given, and from no other."""
    for objective, _, batch in case.each():
        with global_generators_stay("draw", _OWN_GENERATOR):
            one, other = (drawn(objective, batch, seed=1) for _ in range(2))
        if not alike(picture(one), picture(other)):
            broken("two draws from equal generators differ", _OWN_GENERATOR)


@rule("objective")
def a_draw_has_its_form(case: ObjectiveCase) -> None:
    """A draw lies on the CPU: partners are rows of the batch, shares are float64, `where` < 1."""
    for objective, _, batch in case.each():
        _check_form(drawn(objective, batch), len(batch))


def _check_form(draw: Draw, n: int) -> None:
    if not isinstance(draw, Draw):
        broken(f"draw returned a {type(draw).__name__}", "return a mixup_multi.Draw")
    partner, own = draw.mix.partner, draw.mix.own
    fits = partner.shape == (n,) and partner.dtype == torch.int64
    if not fits or not bool(((partner >= 0) & (partner < n)).all()):
        broken(
            f"partners of {n} rows are {shape_of(partner)}: {partner.tolist()}",
            "a partner is a row of the same batch: (n,) int64, below n; Mix.identity(n) for none",
        )
    if own.shape not in {(1,), (n,)} or own.dtype != torch.float64 or not own.isfinite().all():
        broken(
            f"shares of {n} rows are {shape_of(own)}: {own.tolist()}",
            "return finite shares (1,) or (n,) in float64",
        )
    where = float(draw.where)
    require(0 <= where < 1, f"where is {where}", "where is uniform in [0, 1): torch.rand")
    for tensor in (partner, own, draw.blend):
        if isinstance(tensor, Tensor) and tensor.device.type != "cpu":
            broken(f"a drawn tensor lies on {tensor.device}", "draw on the CPU, on every device")
    for inner in draw.inner:
        _check_form(inner, n)


@rule("objective")
def draw_reads_targets_only(case: ObjectiveCase) -> None:
    """`draw` leaves the targets as they are, and takes hard and soft ones."""
    for objective, _, batch in case.each():
        for targets in (batch.targets, batch.targets.softmax(1)):
            before = targets.clone()
            objective.draw(targets, stream(0, "mix"))
            same = torch.equal(before, targets)
            require(same, "draw changed the targets", "return new tensors")


@rule("objective")
def steps_leave_no_trace(case: ObjectiveCase) -> None:
    """Nothing changes on the objective from step to step: it is settings, which may be shared."""
    for probe in case.taken:
        objective, net = case.made(probe), probe.model()
        before = picture(objective)
        for seed in range(3):
            objective(net, probe.batch(7), stream(seed, "mix"))
        require(
            alike(before, picture(objective)),
            f"{objective!r} holds another state after three steps",
            "what the next step needs goes into Terms.memory, and comes back as Draw.memory",
        )


@rule("objective")
def what_a_step_remembers_reaches_the_next(case: ObjectiveCase) -> None:
    """`Terms.memory` is filled where `remembers` says so; the next step reads it, unchanged."""
    left_any = False
    for probe in case.taken:
        objective, net, batch = case.made(probe), probe.model(), probe.batch(7)
        first = objective(net, batch, stream(0, "mix"))
        gradients(first.total, net)
        left_any |= bool(first.memory)
        if first.memory and not objective.remembers:
            broken(f"remembers is False, and a step left {sorted(first.memory)}", _REMEMBERS)
        kept = picture(first.memory)
        second = objective(net, batch, stream(0, "mix"), first.memory)
        gradients(second.total, net)
        mend = "read draw.memory in `loss`, and return a new dict in Terms.memory"
        require(alike(kept, picture(first.memory)), "the next step changed the memory", mend)
        if first.memory and torch.equal(first.total, second.total):
            broken("the next step gave the same total, as if it remembered nothing", mend)
    if case.made(case.probe).remembers and not left_any:
        broken("remembers is True, and no step left anything", _REMEMBERS)


_REMEMBERS = "let the property `remembers` say whether a step leaves the next something"


@rule("objective")
def a_point_that_is_missing_is_refused(case: ObjectiveCase) -> None:
    """Where points are a setting, `check` refuses those that the model lacks, and no others."""
    if not case.given.takes("points"):
        skip("it has no setting `points`")
    objective = case.made(case.probe, points="hiden")
    mend = "check_points(offered_points(model), names) of mixup_multi.points, in `check`"
    try:
        objective.check(case.probe.model())
    except PointError as error:
        require("hiden" in str(error), f"the refusal names no point: {error}", mend)
    else:
        broken("points = 'hiden' was not refused before training", mend)
    offered = list(offered_points(case.probe.model()))
    case.made(case.probe, points=offered).check(case.probe.model())
