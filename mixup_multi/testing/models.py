"""The contract of an adapter's model: logits, points, and what changes nothing."""

from __future__ import annotations

import io
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Joint
from mixup_multi.engine.source import Source
from mixup_multi.points import flow_at, offered_points
from mixup_multi.streams import stream
from mixup_multi.testing.compare import (
    alike,
    global_generators_stay,
    picture,
    shape_of,
    tensors_of,
    unsound,
    unsound_row,
)
from mixup_multi.testing.contract import broken, broken_by, require, rule, skip, unchecked
from mixup_multi.testing.objective_case import polite
from mixup_multi.testing.offers import ModelCase
from mixup_multi.testing.settings import check_annotated, check_described
from mixup_multi.tree import leaves

_FINITE = "no log or division of 0, no root of a negative number, no weights that were never filled"
_READ = (
    "a model reads all that a data set holds: build it by facts of the data that cover every part,"
    " and give what training does not know a code of its own (unknown)"
)
_CHUNK = 128


def said_by(model: nn.Module, inputs: Any, **edits: Any) -> Tensor:
    """Return what a model makes of inputs, without gradients."""
    with torch.no_grad():
        logits: Tensor = model(inputs, **edits)
    return logits


@rule("model")
def it_is_described(case: ModelCase) -> None:
    """A model's function, and its module, have docstrings: they are what listings show."""
    check_described(case.build)


@rule("model")
def its_settings_are_annotated(case: ModelCase) -> None:
    """Every setting of a model has a type that recipes are checked against; its default fits."""
    check_annotated(case.build)


@rule("model")
def it_is_built(case: ModelCase) -> None:
    """It is built for one of the data sets, as a module; others are refused with a reason."""
    mend = "build(data, **settings) returns an nn.Module, or raises SettingError"
    for data, error in case.attempts:
        if isinstance(error, Exception) and not polite(error):
            broken_by(error, mend, f"for {data.label}: ")
        if not isinstance(error, nn.Module | Exception):
            broken(f"for {data.label} it is a {type(error).__name__}", mend)
    if not case.attempts:
        skip("no data set can be loaded here")
    if not any(isinstance(model, nn.Module) for _, model in case.attempts):
        refusals = "; ".join(f"{data.label}: {error}" for data, error in case.attempts)
        broken(refusals, "offer a data set that it takes, or give its settings (settings=)")


@rule("model")
def weights_come_from_the_seed(case: ModelCase) -> None:
    """Built twice with one seed of torch's global generator, a model has equal weights."""
    model, again = case.model, case.make(case.data)
    same = alike(picture(dict(model.state_dict())), picture(dict(again.state_dict())))
    require(same, "the weights differ", "draw weights by torch's global generator, as layers do")


@rule("model")
def it_returns_logits(case: ModelCase) -> None:
    """It returns finite logits `(n, c)`, a column for each name of the data set's classes."""
    classes = len(case.data.classes)
    for n in (1, 2):
        logits = said_by(case.model, case.batch(n).inputs)
        fits = isinstance(logits, Tensor) and logits.shape == (n, classes)
        if not fits or not logits.is_floating_point():
            broken(
                f"{n} examples of {classes} classes gave {shape_of(logits)}",
                "return logits (n, len(data.classes)), also for one example in evaluation",
            )
        require(not unsound(logits), "logits hold NaN or infinity", _FINITE)


@rule("model")
def it_reads_every_part(case: ModelCase) -> None:
    """It gives finite logits for examples of every part: up to 512 of codes, 16 of numbers.

    A code may have no row in a table of the model; of numbers one is as good as another.
    """
    model = case.running
    for name, part in case.source.parts.items():
        rows = case.source.some(part)
        leaves_read = tensors_of(part.gather(rows[:1]).inputs)
        if all(leaf.is_floating_point() for leaf in leaves_read):
            rows = rows[:: max(1, len(rows) // 16)]
        for chunk in torch.split(rows, _CHUNK):
            inputs = part.gather(chunk).inputs
            if unsound(inputs):
                unchecked(f"the {name} part holds NaN or infinity (see inputs_are_finite)")
            try:
                row = unsound_row(said_by(model, inputs))
            except Exception as error:
                _name_the_row(model, name, part, chunk, error)
            if row is not None:
                place = int(chunk[row])
                broken(
                    f"logits hold NaN for row {place} of the {name} part, {part.ids[place]!r}",
                    _FINITE,
                )


def _name_the_row(
    model: nn.Module, name: str, part: Source, rows: Tensor, error: Exception
) -> NoReturn:
    """Break the rule by the first example that cannot be read alone, or else by all of them."""
    for row in rows.tolist():
        try:
            said_by(model, part.gather(torch.tensor([row])).inputs)
        except Exception as alone:
            broken_by(alone, _READ, f"row {row} of the {name} part, {part.ids[row]!r}: ")
    broken_by(error, _READ, f"{len(rows)} rows of the {name} part together: ")


@rule("model")
def rows_do_not_see_each_other(case: ModelCase) -> None:
    """In evaluation a row's logits do not depend on the other rows of the batch."""
    together = said_by(case.running, case.batch(2).inputs)
    alone = torch.cat([said_by(case.running, one.inputs) for one in _single(case)])
    if alone.shape != together.shape:
        skip("logits have no row for each example (see it_returns_logits)")
    off = float((together - alone).abs().max())
    limit = 1e-4 * max(1.0, float(together.abs().max()))
    require(
        off <= limit, f"alone, logits differ by {off:g}", "no statistics of the batch in eval()"
    )


def _single(case: ModelCase) -> list[Any]:
    return [case.data.train.gather(torch.tensor([row])) for row in range(2)]


@rule("model")
def evaluation_is_deterministic(case: ModelCase) -> None:
    """In evaluation the same inputs give the same logits, and no global generator is used."""
    mend = "nothing random in eval(): dropout by nn.Dropout, or `if self.training`"
    with global_generators_stay("a pass in evaluation", mend):
        one, other = (said_by(case.running, case.batch(2).inputs) for _ in range(2))
    require(torch.equal(one, other), "two passes differ", mend)


@rule("model")
def inputs_are_left_alone(case: ModelCase) -> None:
    """A pass does not change its inputs."""
    inputs = case.batch(2).inputs
    before = picture(tensors_of(inputs))
    said_by(case.running, inputs)
    require(
        alike(before, picture(tensors_of(inputs))),
        "the inputs changed",
        "no operation in place on what comes in: the first of nn.ReLU(inplace=True)",
    )


@rule("model")
def methods_train_it(case: ModelCase) -> None:
    """A step of erm, of mixup and of mixupe gives finite gradients, not all of them zero."""
    _ = case.running
    _can_be_mixed(case)
    model = case.make(case.data).train()
    for name in ("erm", "mixup", "mixupe"):
        settings = door.check_settings(door.load_objective(name), {"loss": case.data.loss})
        objective = door.build_objective({"name": name, **settings})
        total = objective(model, case.batch(2), stream(0, "mix")).total
        weights = [weight for weight in model.parameters() if weight.requires_grad]
        found = torch.autograd.grad(total, weights, allow_unused=True)
        gradients = [gradient for gradient in found if gradient is not None]
        mend = "every output depends on weights that require gradients; no detach(), no log of 0"
        finite = all(bool(gradient.isfinite().all()) for gradient in gradients)
        require(finite, f"{name} gave NaN or infinite gradients", mend)
        require(any(bool(g.any()) for g in gradients), f"{name} gave no gradient", mend)


def _can_be_mixed(case: ModelCase) -> None:
    offered = offered_points(case.model)
    if not offered:
        unchecked("it offers no points (see it_offers_points)")
    if codes_at(case, offered[0]):
        unchecked(f"integers flow at its first point, {offered[0]!r} (see points_can_be_mixed)")


def codes_at(case: ModelCase, point: str) -> str:
    """Return type and shape of what flows at a point and has no mean; empty where all has one."""
    flow = flow_at(case.running, case.batch(2).inputs, point)
    if isinstance(flow, Joint):
        return f"a {type(flow).__name__}, of which no row is an example"
    return next((shape_of(leaf) for leaf in leaves(flow) if not leaf.is_floating_point()), "")


@rule("model")
def weights_can_be_kept(case: ModelCase) -> None:
    """Built anew by the same seed, with its saved weights, a model predicts as it did.

    Weights are loaded as tensors only, without running code.
    """
    _ = case.running
    model = case.make(case.data)
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            weight.add_(torch.full_like(weight, 1e-3 * (1 + number % 3)))
        model.train()
        model(case.batch(2).inputs)  # statistics move
    said = said_by(model.eval(), case.batch(2).inputs)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    mend = "what training changes is a parameter or a registered buffer, and state_dict has it"
    again = case.make(case.data)
    try:
        again.load_state_dict(torch.load(file, weights_only=True))
    except Exception as error:
        broken_by(error, mend)
    off = float((said_by(again.eval(), case.batch(2).inputs) - said).abs().max())
    require(off <= 1e-5 * max(1.0, float(said.abs().max())), f"logits differ by {off:g}", mend)
