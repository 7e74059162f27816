"""The contract of a blend: one row of two, and the mix that the labels get."""

from __future__ import annotations

from copy import deepcopy
from itertools import product
from typing import Any

import torch
from torch import Tensor

from mixup_multi.errors import PointError
from mixup_multi.mix import LearntBlend, Mix
from mixup_multi.streams import stream
from mixup_multi.testing.blend_case import FORMS, BlendCase, blend_case
from mixup_multi.testing.compare import alike, global_generators_stay, picture, shape_of
from mixup_multi.testing.contract import Checked, broken, raised, require, rule, run, skip
from mixup_multi.testing.probes import SIZES
from mixup_multi.tree import leaves, tree_map

_OWN_GENERATOR = (
    "everything random must come from the `generator` argument of `draw`, or runs cannot be"
    " repeated: torch.rand(..., generator=generator)"
)


def check_blend(blend: Any, *, only: str | list[str] | None = None) -> Checked:
    """Hold a blend to its contract; `rules("blend")` lists it.

    Args:
        blend: an installed name, `module:Class`, a class without settings, or an instance.
        only: names of rules; None for all.

    Returns:
        The report: which checks passed, and which did not apply, with why.

    Raises:
        ContractError: a rule is broken; the message says which, what was found, how to mend it.

    >>> from mixup_multi.mix import Linear
    >>> "labels_get_what_is_left" in str(check_blend(Linear()).passed)
    True
    """
    case = blend_case(blend)
    return run(case.label, [("blend", case)], only)


@rule("blend")
def takes_rows(case: BlendCase) -> None:
    """A blend takes images, sequences or vectors in float64, and refuses others by `PointError`."""
    for form, error in case.refusals.items():
        if not isinstance(error, PointError):
            broken(f"of rows {(4, *form)}: {raised(error)}", "raise PointError, and say why")
    if len(case.refusals) == len(FORMS):
        said = "; ".join(f"{(4, *form)}: {error}" for form, error in case.refusals.items())
        broken(f"it took none: {said}", "take a tensor (n, ...), and return a tensor and a Mix")


@rule("blend")
def draws_by_its_generator(case: BlendCase) -> None:
    """What a blend draws comes from the generator that it is given, and from no other."""
    with global_generators_stay("draw", _OWN_GENERATOR):
        first, second = (case.blend.draw(5, stream(3, "mix")) for _ in range(2))
    if not alike(picture(first), picture(second)):
        broken("two draws from equal generators differ", _OWN_GENERATOR)


@rule("blend")
def draws_on_the_cpu(case: BlendCase) -> None:
    """`draw` returns a tensor on the CPU, or None where a blend needs no more than the mix."""
    drawn = case.blend.draw(5, stream(0, "mix"))
    if drawn is not None and not (isinstance(drawn, Tensor) and drawn.device.type == "cpu"):
        broken(f"draw returned {shape_of(drawn)}", "return one tensor on the CPU, or None")


@rule("blend")
def takes_any_number_of_rows(case: BlendCase) -> None:
    """A blend works for one row, for two and for seven: the last batch may be of any size."""
    _ = case.form
    for n in SIZES:
        error = case.failure(n)
        if error is not None:
            broken(f"of {n} rows: {raised(error)}", "do not rely on the number of rows")


@rule("blend")
def labels_get_what_is_left(case: BlendCase) -> None:
    """The labels' share is the share that a row has of the result.

    A constant row of value i becomes one whose mean tells what is left of i.
    """
    if isinstance(case.blend, LearntBlend):
        skip("a learnt blend mixes in a space of its own")
    for (n, per), seed in product(case.cases(), range(10)):
        value = torch.arange(1.0, n + 1, dtype=torch.float64)
        flat = value.view(-1, *(1 for _ in case.form)).expand(n, *case.form)
        mix, extra = case.drawn(n, per, seed)
        blended, labels = case.on(flat, mix, extra)
        own = labels.own.double().expand(n)
        expected = own * value + (1 - own) * value[labels.partner]
        found = blended.flatten(1).mean(1)
        if (found - expected).abs().max() > 1e-9:
            row = int((found - expected).abs().argmax())
            left = float((found[row] - value[mix.partner[row]]) / (value - value[mix.partner])[row])
            broken(
                f"a row kept {left:.3f} of itself, and its label {float(own[row]):.3f}",
                "return Mix(mix.partner, own) with the share that was really kept, e.g. one less"
                " the area that was pasted",
            )


@rule("blend")
def the_labels_mix_fits_the_rows_mix(case: BlendCase) -> None:
    """The labels' mix has the rows' partners, and shares in [0, 1], as many, in float64."""
    for n, per in case.cases():
        mix, extra = case.drawn(n, per)
        _, labels = case.apply(mix, extra)
        own = labels.own
        if not torch.equal(labels.partner, mix.partner):
            broken("the labels have other partners than the rows", "return mix.partner as it is")
        if own.shape != mix.own.shape or own.dtype != torch.float64:
            broken(
                f"the labels' share is {shape_of(own)}, where the rows' is {shape_of(mix.own)}",
                "return as many shares as were drawn, in float64",
            )
        require(
            bool(((own >= 0) & (own <= 1)).all()),
            f"labels' shares from {float(own.min()):g} to {float(own.max()):g}",
            "a share is what is left of a row: 0 to 1",
        )


@rule("blend")
def shape_and_type_stay(case: BlendCase) -> None:
    """The result has the shape and the type of what was given, also in half precision."""
    dtypes = (torch.bfloat16, torch.float32, torch.float64)
    for (n, per), dtype in product(case.cases(), dtypes):
        given = case.rows(n).to(dtype)
        blended, _ = case.on(given, *case.drawn(n, per))
        if blended.shape != given.shape or blended.dtype != dtype:
            broken(
                f"{shape_of(given)} became {shape_of(blended)}",
                "bring shares to the rows' type: per_row(mix.own.to(x), x) of mixup_multi.tree",
            )


@rule("blend")
def what_is_given_is_left_alone(case: BlendCase) -> None:
    """A blend changes neither the rows nor the draw, and its result has memory of its own."""
    for n, per in case.cases():
        given, (mix, extra) = case.rows(n), case.drawn(n, per)
        before = picture((given, mix, extra))
        blended, _ = case.on(given, mix, extra)
        if not alike(before, picture((given, mix, extra))):
            broken("what was given has changed", "return new tensors; no x[...] = ..., no mul_()")
        if blended.data_ptr() == given.data_ptr():
            broken("the result is what was given, not a copy", "return x.clone() where it stays")


@rule("blend")
def the_same_draw_gives_the_same_rows(case: BlendCase) -> None:
    """Blending draws nothing: the same draw gives the same rows."""
    for n in case.sizes:
        drawn = case.drawn(n, "row")
        with global_generators_stay("blending", "draw in `draw`; blending is pure"):
            first, second = (case.apply(*deepcopy(drawn))[0] for _ in range(2))
        require(torch.equal(first, second), "two results differ", "draw in `draw`")


@rule("blend")
def share_one_is_the_batch_itself(case: BlendCase) -> None:
    """Where the share is 1, rows and labels stay as they are, bit for bit."""
    if isinstance(case.blend, LearntBlend):
        skip("a learnt blend reconstructs rows")
    for n, per in case.cases():
        mix, extra = case.drawn(n, per)
        blended, labels = case.apply(Mix(mix.partner, torch.ones_like(mix.own)), extra)
        stays = torch.equal(blended, case.rows(n)) and bool((labels.own == 1).all())
        require(stays, f"{n} rows or their labels changed at own = 1", "own is the row's own share")


@rule("blend")
def the_kept_share_follows_the_drawn_one(case: BlendCase) -> None:
    """A row keeps the more, the larger its own share is, and all where it is 1: row by row."""
    mend = "each row's share is its own: mix.own[i], or mix.own[0] where one was drawn for all"
    kept = torch.zeros(2, dtype=torch.float64)
    for (n, per), seed in product(case.cases(), range(10)):
        mix, extra = case.drawn(n, per, seed)
        even = torch.arange(len(mix.own)) % 2 == 0
        one, other = (
            case.apply(Mix(mix.partner, torch.where(even, *shares)), deepcopy(extra))[1].own
            for shares in ((_MUCH, _LITTLE), (_LITTLE, _MUCH))
        )
        little, much = torch.where(even, other, one), torch.where(even, one, other)
        if bool((little > much).any()):
            row = int((little - much).argmax())
            found = f"row {row} of {n} kept {little[row]:.3f} at 0.1, and {much[row]:.3f} at 0.9"
            broken(found, mend)
        kept += torch.stack([little.mean(), much.mean()])
    require(bool(kept[0] < kept[1]), "rows kept as much at 0.1 as at 0.9", mend)
    if not isinstance(case.blend, LearntBlend):
        _check_whole_rows_stay(case, mend)


_LITTLE, _MUCH = torch.tensor([0.1, 0.9], dtype=torch.float64)


def _check_whole_rows_stay(case: BlendCase, mend: str) -> None:
    for n in case.sizes:
        mix, extra = case.drawn(n, "row")
        own = mix.own.clone()
        own[1::2] = 1
        blended, labels = case.apply(Mix(mix.partner, own), extra)
        stay = torch.equal(blended[1::2], case.rows(n)[1::2]) and bool(
            (labels.own[1::2] == 1).all()
        )
        require(stay, f"of {n} rows those with own = 1 changed beside others", mend)


@rule("blend")
def a_row_that_meets_itself_stays(case: BlendCase) -> None:
    """A row whose partner is itself stays, up to rounding."""
    if isinstance(case.blend, LearntBlend):
        skip("a learnt blend reconstructs rows")
    for n, per in case.cases():
        mix, extra = case.drawn(n, per)
        blended, _ = case.apply(Mix(torch.arange(n), mix.own), extra)
        off = float((blended - case.rows(n)).abs().max())
        require(off < 1e-9, f"it moved by {off:.2g}", "the two shares of a blend sum to 1")


@rule("blend")
def gradients_reach_row_and_partner(case: BlendCase) -> None:
    """Gradients flow to a row and its partner, by their shares: hidden states are mixed too."""
    if isinstance(case.blend, LearntBlend):
        skip("a learnt blend mixes in a space of its own")
    for per in ("batch", "row"):
        given, (mix, extra) = case.rows(4).requires_grad_(), case.drawn(4, per)
        half = Mix(mix.partner, torch.full_like(mix.own, 0.5))
        blended, _ = case.on(given, half, extra)
        if not blended.requires_grad:
            broken("the result has no gradient", "no detach(), no numpy between rows and result")
        blended[2].sum().backward()
        reached = given.grad.flatten(1).mean(1) if given.grad is not None else torch.zeros(4)
        to_both = bool((reached[1:3] > 0).all()) and abs(float(reached[1:3].sum()) - 1) < 1e-9
        require(
            to_both and not bool(reached[[0, 3]].any()),
            f"gradients of row 2, whose partner is row 1, are {reached.tolist()}",
            "rows and partners enter the result by their shares, without detach()",
        )


@rule("blend")
def trees_are_blended_or_refused(case: BlendCase) -> None:
    """A tree of tensors becomes the tree of its leaves' blends, or is refused by `PointError`."""
    if isinstance(case.blend, LearntBlend):
        skip("a learnt blend takes what its codec takes")
    rows, drawn = case.rows(4), case.drawn(4, "row")
    tree = {"a": rows, "b": (rows + 1, rows - 1)}
    try:
        blended, _ = case.on(tree, *deepcopy(drawn))
    except PointError:
        return
    expected = tree_map(lambda leaf: case.on(leaf, *deepcopy(drawn))[0], tree)
    fits = list(map(shape_of, leaves(blended))) == list(map(shape_of, leaves(expected)))
    require(
        fits and all(map(torch.equal, leaves(blended), leaves(expected))),
        "the leaves were not blended each alike",
        "map over leaves: mixup_multi.tree.tree_map(fn, tree), or raise PointError for a tree",
    )
