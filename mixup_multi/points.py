"""Points: the named places of a model where what flows through it may be replaced.

The contract is one call, `model(inputs, edits={"point": fn})`, and one attribute, `points`: the
names at which mixing has a meaning. `Staged` gives both to a chain of stages, `staged` to any
third-party module, and a model whose points are not a chain writes its own `forward`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias, runtime_checkable

import torch
from torch import Tensor, nn

from mixup_multi.entrance import Arguments, Segments, changed
from mixup_multi.errors import PointError, did_you_mean
from mixup_multi.tree import Tree, tree_map

__all__ = [
    "Edit",
    "Edited",
    "Edits",
    "HasPoints",
    "Staged",
    "bare",
    "check_points",
    "flow_at",
    "offered_points",
    "run_edited",
    "staged",
]

Edit: TypeAlias = Callable[[Tree], Tree]
"""Replaces what flows at a point."""
Edits: TypeAlias = Mapping[str, Edit]
"""Edits by the names of the points that they are made at."""

_PARALLEL = (nn.DataParallel, nn.parallel.DistributedDataParallel)


@runtime_checkable
class HasPoints(Protocol):
    """A model that offers points; the first one is where methods mix unless told otherwise."""

    points: tuple[str, ...]

    def __call__(self, inputs: Tree, edits: Edits | None = None) -> Tensor:
        """Return logits `(n, c)`."""


def check_points(offered: Sequence[str], asked: Sequence[str]) -> None:
    """Raise `PointError` where a point that is asked for is not offered."""
    for name in asked:
        if name not in offered:
            raise PointError(
                f"an edit was asked for at point {name!r}, which this model does not offer"
                f"{did_you_mean(name, offered)}"
            )


class Staged(nn.Module):
    """A chain of named stages; a stage's name is the name of the point at its entrance.

    Args:
        stages: the chain in order; the first is usually called `input`.
        points: the points at which mixing is offered, the preferred one first; all by default.

    >>> net = Staged({"input": nn.Linear(2, 3), "head": nn.Linear(3, 2)})
    >>> net.points
    ('input', 'head')
    """

    def __init__(
        self, stages: Mapping[str, nn.Module], points: Sequence[str] | None = None
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleDict(stages)
        self.points = tuple(stages) if points is None else tuple(points)
        check_points(tuple(stages), self.points)

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tree:
        """Run the chain; before the stage `name`, what flows becomes `edits[name](it)`.

        Raises:
            PointError: an edit names a point that is not offered.
        """
        if not edits:
            for stage in self.stages.values():
                inputs = stage(inputs)
            return inputs
        check_points(self.points, tuple(edits))
        for name, stage in self.stages.items():
            if name in edits:
                inputs = edits[name](inputs)
            inputs = stage(inputs)
        return inputs


class _Hooked(nn.Module):
    """A third-party module, edited at the entrance of its named submodules."""

    def __init__(self, module: nn.Module, points: Sequence[str]) -> None:
        super().__init__()
        self.module = module
        self.points = tuple(dict.fromkeys(points))
        inner = [name for name, _ in module.named_modules() if name]
        for name in self.points:
            if name != "input" and name not in inner:
                raise PointError(f"there is no submodule {name!r}{did_you_mean(name, inner)}")

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tree:
        if not edits:
            return self.module(inputs)
        check_points(self.points, tuple(edits))
        if "input" in edits:
            inputs = edits["input"](inputs)
        hidden = {name: edit for name, edit in edits.items() if name != "input"}
        reached: dict[str, int] = dict.fromkeys(hidden, 0)
        segments = Segments()
        handles = [
            self.module.get_submodule(name).register_forward_pre_hook(
                _entrance(name, edit, reached, segments), with_kwargs=True
            )
            for name, edit in hidden.items()
        ]
        try:
            output = self.module(inputs)
        finally:
            for handle in handles:
                handle.remove()
        _check_reached_once(reached)
        return output


def _entrance(
    name: str, edit: Edit, reached: dict[str, int], segments: Segments
) -> Callable[[nn.Module, tuple[Any, ...], dict[str, Any]], Arguments]:
    """Return a hook that edits a submodule's first argument, positional or named."""

    def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Arguments:
        segments.check(name)
        reached[name] += 1
        return changed(module, args, kwargs, edit)

    return hook


def _check_reached_once(reached: Mapping[str, int]) -> None:
    for name, times in reached.items():
        if times != 1:
            raise PointError(
                f"the submodule {name!r} ran {times} times in one forward pass; a point must be"
                " reached exactly once, or the batch would be mixed not at all or repeatedly."
                " Choose a submodule that runs once."
            )


def staged(
    module: nn.Module,
    at: Sequence[str] = (),
    *,
    input: bool = True,
) -> nn.Module:
    """Give any module points: `input`, and the entrance of each submodule named in `at`.

    What is mixed at an entrance is the first argument, in the order of the parameters of the
    submodule's `forward`.

    Args:
        module: a model that takes one input (a tree) and returns logits `(n, c)`. It is not
            copied: its weights are read and saved through itself, or as `result.module`.
        at: names as in `module.named_modules()`, e.g. `["layer2", "layer3"]` of a ResNet; none is
            `input`, which is the model's own.
        input: whether the input is offered, as the preferred point. False where it cannot be
            mixed (graphs, token ids): the first name in `at` is then the preferred one.

    Returns:
        A module with the same parameters whose `forward` takes `edits`; the names of its own
        weights begin with `module.`.

    Raises:
        PointError: a name in `at` is no submodule, or `input`, or no point is left; or, when
            called, a submodule that is to be edited runs not once in a forward pass, or in a
            segment of activation checkpointing, which the backward pass would run again un-edited.
    """
    points = ("input", *at) if input else tuple(at)
    if not points:
        raise PointError("a model without its input offers no point: expected names in `at`")
    clash = any(name == "input" for name, _ in module.named_modules())
    if "input" in at and (clash or not input):
        raise PointError(
            "`at` names input, which is the point of the model's own input wherever methods ask for"
            f" it{', and no submodule' if clash else ', which input=False withholds'}: expected"
            " names of other submodules, e.g. one within or behind it"
        )
    return _Hooked(module, points)


def offered_points(model: nn.Module) -> tuple[str, ...]:
    """Return the points of `model`, the preferred one first; a plain module offers its input."""
    declared = _declared_points(model)
    return ("input",) if declared is None else declared


def _declared_points(model: nn.Module) -> tuple[str, ...] | None:
    while isinstance(model, _PARALLEL):  # which hide the attributes of what they wrap
        model = model.module
    points = getattr(model, "points", None)
    return tuple(points) if isinstance(points, tuple | list) else None


def run_edited(model: nn.Module, inputs: Tree, edits: Edits) -> Tensor:
    """Run `model(inputs, edits=edits)`; a module without points can be edited at its input.

    Raises:
        PointError: an edit names a point that is not offered, or one of a model that
            `DataParallel` splits over devices, which would see some of the rows only.
    """
    check_points(offered_points(model), tuple(edits))
    if _declared_points(model) is not None:
        _check_whole(model)
        logits: Tensor = model(inputs, edits=edits)
        return logits
    for edit in edits.values():
        inputs = edit(inputs)
    plain: Tensor = model(inputs)
    return plain


def _check_whole(model: nn.Module) -> None:
    """Raise `PointError` where parts of a batch would be edited, in which partners are not."""
    if isinstance(model, nn.DataParallel) and len(model.device_ids) > 1:
        raise PointError(
            f"DataParallel splits a batch over {len(model.device_ids)} devices, so that partners"
            " are on others: expected DistributedDataParallel, or staged(DataParallel(model)) to"
            " mix at the input"
        )


def flow_at(model: nn.Module, inputs: Tree, point: str) -> Tree:
    """Return what flows at `point` when `model` reads `inputs`, without gradients."""
    seen: list[Tree] = []

    def look(flow: Tree) -> Tree:
        seen.append(_copied(flow))
        return flow

    with torch.no_grad():
        run_edited(model, inputs, {point: look})
    return seen[0]


def _copied(flow: Tree) -> Tree:
    """Return what the next layer, which may work in place, does not change."""
    try:
        return tree_map(torch.clone, flow)
    except TypeError:  # no tree of tensors, e.g. a graph batch
        return flow


def bare(model: nn.Module) -> nn.Module:
    """Return a model that processes share, or that is compiled, as it is.

    Looking at it is no step of the processes'; and compiled code computes the gradients of all
    parameters, of which an attack wants none.
    """
    inner: nn.Module = getattr(model, "bare", model)
    while isinstance(inner, _PARALLEL) or hasattr(inner, "_orig_mod"):
        inner = inner.module if isinstance(inner, _PARALLEL) else inner._orig_mod  # type: ignore[assignment]
    return inner


class Edited(nn.Module):
    """A model that always makes one edit of its own; an edit asked for there sees its result."""

    def __init__(self, model: nn.Module, point: str, edit: Edit) -> None:
        super().__init__()
        self.model = model
        self.point = point
        self.edit = edit
        self.points = offered_points(model)

    @property
    def bare(self) -> Edited:
        """The same, of the model that processes share as it is."""
        return Edited(bare(self.model), self.point, self.edit)

    def forward(self, inputs: Tree, edits: Edits | None = None) -> Tensor:
        """Return logits `(n, c)`."""
        edits = edits or {}
        after = edits.get(self.point)
        both = self.edit if after is None else _Both(self.edit, after)
        return run_edited(self.model, inputs, {**edits, self.point: both})


class _Both:
    """One edit after another; no closure, which would be compiled in every step."""

    def __init__(self, first: Edit, second: Edit) -> None:
        self.first = first
        self.second = second

    def __call__(self, flow: Tree) -> Tree:
        return self.second(self.first(flow))
