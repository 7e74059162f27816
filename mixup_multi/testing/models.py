"""The contract of an adapter's model: logits, points, and what changes nothing."""

from __future__ import annotations

import io
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Joint
from mixup_multi.errors import PointError
from mixup_multi.points import HasPoints
from mixup_multi.streams import stream
from mixup_multi.testing.compare import (
    alike,
    global_generators_stay,
    picture,
    shape_of,
    tensors_of,
)
from mixup_multi.testing.contract import broken, raised, require, rule, skip
from mixup_multi.testing.objective_case import polite
from mixup_multi.testing.offers import ModelCase
from mixup_multi.testing.settings import check_annotated, check_described
from mixup_multi.tree import Tree, tree_map

_ONCE = "run the stages in order, and call edits[name] once on what enters the stage (Staged)"


def _said(model: nn.Module, inputs: Any, **edits: Any) -> Tensor:
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
            broken(f"for {data.label}: {raised(error)}", mend)
        if not isinstance(error, nn.Module | Exception):
            broken(f"for {data.label} it is a {type(error).__name__}", mend)
    if not case.attempts:
        skip("no data set can be loaded here")
    if not any(isinstance(model, nn.Module) for _, model in case.attempts):
        broken("; ".join(f"{data.label}: {error}" for data, error in case.attempts), mend)


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
        logits = _said(case.model, case.batch(n).inputs)
        fits = isinstance(logits, Tensor) and logits.shape == (n, classes)
        if not fits or not logits.is_floating_point() or not bool(logits.isfinite().all()):
            broken(
                f"{n} examples of {classes} classes gave {shape_of(logits)}",
                "return finite logits (n, len(data.classes)), also for one example in evaluation",
            )


@rule("model")
def rows_do_not_see_each_other(case: ModelCase) -> None:
    """In evaluation a row's logits do not depend on the other rows of the batch."""
    together = _said(case.model, case.batch(2).inputs)
    alone = torch.cat([_said(case.model, one.inputs) for one in _single(case)])
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
        one, other = (_said(case.model, case.batch(2).inputs) for _ in range(2))
    require(torch.equal(one, other), "two passes differ", mend)


@rule("model")
def inputs_are_left_alone(case: ModelCase) -> None:
    """A pass does not change its inputs."""
    inputs = case.batch(2).inputs
    before = picture(tensors_of(inputs))
    _said(case.model, inputs)
    require(
        alike(before, picture(tensors_of(inputs))),
        "the inputs changed",
        "no operation in place on what comes in: the first of nn.ReLU(inplace=True)",
    )


@rule("model")
def it_offers_points(case: ModelCase) -> None:
    """`points` is a tuple of names, each once; the first is where methods mix unless told."""
    points = getattr(case.model, "points", None)
    named = isinstance(points, tuple) and all(isinstance(name, str) for name in points)
    if not named or not points or len(set(points)) != len(points):
        broken(
            f"points are {points!r}", "points = ('input', ...); `Staged` has those of its stages"
        )


def _points(case: ModelCase) -> tuple[str, ...]:
    points = getattr(case.model, "points", ())
    offers = isinstance(points, tuple) and points and isinstance(case.model, HasPoints)
    return points if offers else skip("it offers no points (see it_offers_points)")


@rule("model")
def edits_run_once(case: ModelCase) -> None:
    """Every point's edit is called once in a pass, and edits that change nothing change nothing."""
    model, reached = case.model, list[str]()

    def passing(point: str, flow: Tree) -> Tree:
        reached.append(point)
        return flow

    edits = {name: partial(passing, name) for name in _points(case)}
    plain = _said(model, case.batch(2).inputs)
    edited = _said(model, case.batch(2).inputs, edits=edits)
    times = {name: reached.count(name) for name in _points(case)}
    wrong = [f"{name} {count} times" for name, count in times.items() if count != 1]
    require(not wrong, f"edits were called: {', '.join(wrong)}", _ONCE)
    require(torch.equal(plain, edited), "edits that return what they get changed logits", _ONCE)


@rule("model")
def edits_are_used(case: ModelCase) -> None:
    """An edit at a point moves the logits; all rows the first one's at all, so are the logits."""
    model, points = case.model, _points(case)
    plain = _said(model, case.batch(2).inputs)
    for name in points:
        edited = _said(model, case.batch(2).inputs, edits={name: _all_first})
        moved = not torch.equal(edited, plain) or torch.equal(plain, plain[:1].expand_as(plain))
        require(moved, f"at {name} the logits stayed as they were", _ONCE)
    edits = dict.fromkeys(points, _all_first)
    everywhere = _said(model, case.batch(2).inputs, edits=edits)
    off = float((everywhere - plain[:1]).abs().max())
    limit = 1e-4 * max(1.0, float(plain.abs().max()))
    if off > limit:
        broken(f"with all rows the first one's, logits differ by {off:g}", _ONCE)


def _all_first(flow: Tree) -> Tree:
    """Return a flow all of whose rows are its first."""
    if isinstance(flow, Joint):
        return flow.examples_at(torch.zeros(2, dtype=torch.int64))
    return tree_map(lambda leaf: leaf[:1].expand_as(leaf).clone(), flow)


@rule("model")
def unknown_points_are_refused(case: ModelCase) -> None:
    """An edit at a point that is not offered raises `PointError`."""
    mend = "check_points(self.points, tuple(edits)) of mixup_multi.points, at the start of forward"
    _ = _points(case)
    try:
        _said(case.model, case.batch(2).inputs, edits={"nowhere": lambda flow: flow})
    except PointError:
        return
    broken("an edit at 'nowhere' was passed over in silence", mend)


@rule("model")
def methods_train_it(case: ModelCase) -> None:
    """A step of erm, of mixup and of mixupe gives finite gradients, not all of them zero."""
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


@rule("model")
def weights_can_be_kept(case: ModelCase) -> None:
    """Built anew by the same seed, with its saved weights, a model predicts as it did.

    Weights are loaded as tensors only, without running code.
    """
    model = case.make(case.data)
    with torch.no_grad():
        for number, weight in enumerate(model.parameters()):
            weight.add_(torch.full_like(weight, 1e-3 * (1 + number % 3)))
        model.train()
        model(case.batch(2).inputs)  # statistics move
    said = _said(model.eval(), case.batch(2).inputs)
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    mend = "what training changes is a parameter or a registered buffer, and state_dict has it"
    again = case.make(case.data)
    try:
        again.load_state_dict(torch.load(file, weights_only=True))
    except Exception as error:
        broken(raised(error), mend)
    off = float((_said(again.eval(), case.batch(2).inputs) - said).abs().max())
    require(off <= 1e-5 * max(1.0, float(said.abs().max())), f"logits differ by {off:g}", mend)
