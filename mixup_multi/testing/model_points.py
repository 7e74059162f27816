"""The contract of an adapter's model at its points: where what flows may be replaced, or mixed."""

from __future__ import annotations

from functools import partial

import torch

from mixup_multi.batch import Joint
from mixup_multi.errors import PointError
from mixup_multi.objectives.losses import loss_named
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.points import HasPoints
from mixup_multi.streams import stream
from mixup_multi.testing.compare import unsound
from mixup_multi.testing.contract import broken, require, rule, skip, unchecked
from mixup_multi.testing.models import codes_at, said_by
from mixup_multi.testing.offers import ModelCase
from mixup_multi.tree import Tree, tree_map

_ONCE = "run the stages in order, and call edits[name] once on what enters the stage (Staged)"
_POINTS = (
    "`Staged` has those of its stages, and a finished model gets some by staged(model,"
    " at=['encoder']), or staged(model, at=['encoder'], input=False) where inputs are codes"
)


@rule("model")
def it_offers_points(case: ModelCase) -> None:
    """`points` is a tuple of names, each once; the first is where methods mix unless told."""
    points = getattr(case.model, "points", None)
    named = isinstance(points, tuple) and all(isinstance(name, str) for name in points)
    if not named or not points or len(set(points)) != len(points):
        broken(f"points are {points!r}", f"points is a tuple, ('input', ...): {_POINTS}")


def _points(case: ModelCase) -> tuple[str, ...]:
    points = getattr(case.model, "points", ())
    offers = isinstance(points, tuple) and points and isinstance(case.model, HasPoints)
    return points if offers else skip("it offers no points (see it_offers_points)")


@rule("model")
def edits_run_once(case: ModelCase) -> None:
    """Every point's edit is called once in a pass, and edits that change nothing change nothing."""
    model, reached = case.running, list[str]()

    def passing(point: str, flow: Tree) -> Tree:
        reached.append(point)
        return flow

    edits = {name: partial(passing, name) for name in _points(case)}
    plain = said_by(model, case.batch(2).inputs)
    edited = said_by(model, case.batch(2).inputs, edits=edits)
    times = {name: reached.count(name) for name in _points(case)}
    wrong = [f"{name} {count} times" for name, count in times.items() if count != 1]
    require(not wrong, f"edits were called: {', '.join(wrong)}", _ONCE)
    require(torch.equal(plain, edited), "edits that return what they get changed logits", _ONCE)


@rule("model")
def edits_are_used(case: ModelCase) -> None:
    """An edit at a point moves the logits; all rows the first one's at all, so are the logits."""
    model, points = case.running, _points(case)
    plain = said_by(model, case.batch(2).inputs)
    for name in points:
        edited = said_by(model, case.batch(2).inputs, edits={name: _all_first})
        moved = not torch.equal(edited, plain) or torch.equal(plain, plain[:1].expand_as(plain))
        require(moved, f"at {name} the logits stayed as they were", _ONCE)
    edits = dict.fromkeys(points, _all_first)
    everywhere = said_by(model, case.batch(2).inputs, edits=edits)
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
        said_by(case.running, case.batch(2).inputs, edits={"nowhere": lambda flow: flow})
    except PointError:
        return
    broken("an edit at 'nowhere' was passed over in silence", mend)


@rule("model")
def points_can_be_mixed(case: ModelCase) -> None:
    """At every point floating point tensors flow, and a step of mixup can be taken there."""
    for name in _points(case):
        found = codes_at(case, name)
        if found:
            broken(
                f"at {name!r} flows {found}, which has no mean",
                f"leave {name!r} out of `points`: Staged(stages, points=[...]), or staged(model,"
                " at=[...], input=False)",
            )
        model = case.make(case.data).train()
        mixing = Vicinal(points=(name,), loss_fn=loss_named(case.data.loss))
        total = mixing(model, case.batch(2), stream(0, "mix")).total.detach()
        if not bool(total.isfinite()) and unsound(
            case.make(case.data).train()(case.batch(2).inputs)
        ):
            unchecked("logits in training hold NaN without mixing, too (see methods_train_it)")
        mend = "what flows between two rows is legal, too: no division by 0 there"
        require(bool(total.isfinite()), f"mixed at {name!r}, the loss is {float(total):g}", mend)
