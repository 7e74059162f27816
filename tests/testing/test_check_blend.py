"""Every rule of a blend is broken by one stranger's blend, and by no other rule's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from proofs import breaks_only, each, is_complete, variant
from torch import Generator, Tensor

from mixup_multi.mix import Mix
from mixup_multi.mix.linear import map_mixable
from mixup_multi.testing import check_blend
from mixup_multi.tree import per_row, tree_map

CALLS: list[int] = []
"""State that a blend must not have."""


@dataclass(frozen=True)
class Good:
    """A linear blend whose share is moved a little for each row, but for 0 and 1."""

    def draw(self, rows: int, generator: Generator) -> Tensor:
        return torch.rand(rows, generator=generator, dtype=torch.float64)

    def shares(self, mix: Mix, drawn: Tensor) -> Tensor:
        return mix.own + 0.2 * (drawn - 0.5) * mix.own * (1 - mix.own)

    def leaf(self, x: Tensor, mix: Mix, own: Tensor) -> Tensor:
        shares = per_row(own, x)
        return shares * x + (1 - shares) * x[mix.partner]

    def __call__(self, tree: Any, mix: Mix, drawn: Tensor) -> tuple[Any, Mix]:
        own = self.shares(mix, drawn)
        blended = map_mixable(lambda x: self.leaf(x, mix, own), tree)
        return blended, Mix(mix.partner, own)


def bad(**changes: Any) -> type:
    return variant(Good, **changes)


def refusing(self: Good, x: Tensor, mix: Mix, own: Tensor) -> Tensor:
    if x.dim() < 4:
        raise ValueError("expected 4 axes")
    return Good.leaf(self, x, mix, own)


def drawn_lists(self: Good, rows: int, generator: Generator) -> Any:
    return torch.rand(rows, generator=generator, dtype=torch.float64).numpy()


def of_arrays(self: Good, tree: Any, mix: Mix, drawn: Any) -> tuple[Any, Mix]:
    return Good.__call__(self, tree, mix, torch.as_tensor(drawn))


def not_alone(self: Good, x: Tensor, mix: Mix, own: Tensor) -> Tensor:
    if len(x) == 1:
        raise ValueError("no partner")
    return Good.leaf(self, x, mix, own)


def labels_as_drawn(self: Good, tree: Any, mix: Mix, drawn: Tensor) -> tuple[Any, Mix]:
    return Good.__call__(self, tree, mix, drawn)[0], mix


def labels_in_float32(self: Good, tree: Any, mix: Mix, drawn: Tensor) -> tuple[Any, Mix]:
    blended, labels = Good.__call__(self, tree, Mix(mix.partner, mix.own.float().double()), drawn)
    exact = self.shares(mix, drawn)
    blended = tree_map(lambda x: self.leaf(x, mix, exact.float().double()), tree)
    return blended, Mix(labels.partner, exact.float())


def wide(self: Good, x: Tensor, mix: Mix, own: Tensor) -> Tensor:
    return (
        own.view(-1, *([1] * (x.dim() - 1))) * x
        + (1 - own.view(-1, *([1] * (x.dim() - 1)))) * (x[mix.partner])
    )


def in_place(self: Good, tree: Any, mix: Mix, drawn: Tensor) -> tuple[Any, Mix]:
    blended, labels = Good.__call__(self, tree, mix, drawn)
    drawn.mul_(0.999)
    return blended, labels


def by_chance(self: Good, x: Tensor, mix: Mix, own: Tensor) -> Tensor:
    torch.rand(1)
    return Good.leaf(self, x, mix, own)


def never_whole(self: Good, mix: Mix, drawn: Tensor) -> Tensor:
    own = Good.shares(self, mix, drawn)
    return torch.where((mix.own == 1).all(), 0.9 * own, own)


def complement(self: Good, mix: Mix, drawn: Tensor) -> Tensor:
    return torch.where(mix.own == 1, mix.own, 1 - Good.shares(self, mix, drawn))


def half(self: Good, mix: Mix, drawn: Tensor) -> Tensor:
    return torch.where(mix.own == 1, mix.own, torch.full_like(mix.own, 0.5))


def half_unless_all_stay(self: Good, mix: Mix, drawn: Tensor) -> Tensor:
    own = Good.shares(self, mix, drawn)
    return torch.where((mix.own == 1).any() & (mix.own != 1).any(), 0.9 * own, own)


def of_the_first_row(self: Good, mix: Mix, drawn: Tensor) -> Tensor:
    first = mix.own[:1].expand(len(mix.own)).clone()
    return Good.shares(self, Mix(mix.partner, first), drawn)


def mirrored(self: Good, x: Tensor, mix: Mix, own: Tensor) -> Tensor:
    flat = x.flatten(1)
    turned = per_row(1 - own, flat) * (flat - flat.flip(1))
    itself = (mix.partner == torch.arange(len(x))) & (own != 1)
    moved = torch.where(itself[:, None], flat - turned, flat).view_as(x)
    return Good.leaf(self, moved, mix, own)


def detached(self: Good, x: Tensor, mix: Mix, own: Tensor) -> Tensor:
    shares = per_row(own, x)
    return shares * x + (1 - shares) * x[mix.partner].detach()


def first_leaf(self: Good, tree: Any, mix: Mix, drawn: Tensor) -> tuple[Any, Mix]:
    if isinstance(tree, Tensor):
        return Good.__call__(self, tree, mix, drawn)
    own = self.shares(mix, drawn)
    return {**tree, "a": self.leaf(tree["a"], mix, own)}, Mix(mix.partner, own)


BROKEN: dict[str, tuple[Any, str]] = {
    "takes_rows": (bad(leaf=refusing), r"of rows \(4, 4, 9\): ValueError: expected 4 axes"),
    "draws_by_its_generator": (
        bad(draw=lambda self, rows, generator: torch.rand(rows, dtype=torch.float64)),
        "draw changed torch's global generator\n.*torch.rand.*generator=generator",
    ),
    "draws_on_the_cpu": (bad(draw=drawn_lists, __call__=of_arrays), "draw returned a ndarray"),
    "takes_any_number_of_rows": (bad(leaf=not_alone), "of 1 rows: ValueError: no partner"),
    "labels_get_what_is_left": (
        bad(__call__=labels_as_drawn),
        r"a row kept 0\.\d+ of itself, and its label 0\.\d+",
    ),
    "the_labels_mix_fits_the_rows_mix": (
        bad(__call__=labels_in_float32),
        r"the labels' share is \(1,\) of float32",
    ),
    "shape_and_type_stay": (bad(leaf=wide), r"of bfloat16 became .* of float64\n.*per_row"),
    "what_is_given_is_left_alone": (bad(__call__=in_place), "what was given has changed"),
    "the_same_draw_gives_the_same_rows": (bad(leaf=by_chance), "blending changed torch's global"),
    "share_one_is_the_batch_itself": (bad(shares=never_whole), "rows or their labels changed"),
    "the_kept_share_follows_the_drawn_one": (
        bad(shares=complement),
        r"row \d of \d kept 0.\d+ at 0.1, and 0.\d+ at 0.9\n.*mix.own\[i\]",
    ),
    "a_row_that_meets_itself_stays": (bad(leaf=mirrored), "it moved by"),
    "gradients_reach_row_and_partner": (
        bad(leaf=detached),
        r"gradients of row 2, .* \[0.0, 0.0",
    ),
    "trees_are_blended_or_refused": (bad(__call__=first_leaf), "leaves were not blended each"),
}


FOLLOWING = [
    (half, "rows kept as much at 0.1 as at 0.9"),
    (of_the_first_row, r"row 1 of 2 kept 0.\d+ at 0.1, and 0.\d+ at 0.9"),
    (half_unless_all_stay, "of 2 rows those with own = 1 changed beside others"),
]


@pytest.mark.parametrize(("shares", "pattern"), FOLLOWING)
def test_the_other_ways_not_to_follow_the_drawn_share(shares: Any, pattern: str) -> None:
    rule = "the_kept_share_follows_the_drawn_one"
    breaks_only(rule, lambda: check_blend(bad(shares=shares)), pattern)


def test_every_rule_has_its_broken_blend() -> None:
    is_complete("blend", BROKEN)


@each(BROKEN)
def test_a_broken_blend_breaks_its_rule_and_no_other(rule: str) -> None:
    member, pattern = BROKEN[rule]
    breaks_only(rule, lambda: check_blend(member), pattern)


def test_a_strangers_blend_passes() -> None:
    for blend in (Good, Good(), "linear", "mixup_multi.mix.cut:Cut"):
        report = check_blend(blend)
        assert len(report.passed) == len(BROKEN)
        assert not report.skipped
