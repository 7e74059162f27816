"""The linear blend: own x_i + (1 - own) x_j, leaf by leaf, and nothing else."""

from __future__ import annotations

from collections import namedtuple

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mixup_multi.errors import PointError
from mixup_multi.mix import Linear, Mix, mix_rows

quick = settings(max_examples=60, deadline=None, derandomize=True, database=None)


@st.composite
def mixes(draw, low=0.0, high=1.0):
    """Rows of any shape with partners and shares, per row or per batch."""
    n = draw(st.integers(1, 7))
    shape = (n, *draw(st.lists(st.integers(1, 4), max_size=3)))
    leaf = torch.randn(shape, dtype=torch.float64, generator=seeded(draw(st.integers(0, 999))))
    partner = torch.tensor(draw(st.lists(st.integers(0, n - 1), min_size=n, max_size=n)))
    size = draw(st.sampled_from([1, n]))
    share = st.floats(low, high, allow_subnormal=False)
    own = torch.tensor(draw(st.lists(share, min_size=size, max_size=size)), dtype=torch.float64)
    return leaf, Mix(partner, own)


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@quick
@given(mixes(low=-2, high=3))
def test_every_row_is_the_equation(case):
    leaf, mix = case
    own = mix.own.expand(len(leaf))
    by_hand = torch.stack(
        [own[i] * leaf[i] + (1 - own[i]) * leaf[mix.partner[i]] for i in range(len(leaf))]
    )
    torch.testing.assert_close(mix_rows(leaf, mix), by_hand, rtol=0, atol=1e-12)


@quick
@given(mixes())
def test_shares_in_the_unit_interval_stay_between_the_two_rows(case):
    leaf, mix = case
    partner, mixed = leaf[mix.partner], mix_rows(leaf, mix)
    assert (mixed >= torch.minimum(leaf, partner) - 1e-12).all()
    assert (mixed <= torch.maximum(leaf, partner) + 1e-12).all()


@quick
@given(mixes())
def test_swapping_the_pair_and_the_shares_changes_nothing(case):
    """Mixing i with j at `own` is mixing j with i at `1 - own`, for a partner that is mutual."""
    leaf, mix = case
    n = len(leaf)
    mutual = torch.arange(n).flip(0)
    own = mix.own.expand(n)
    swapped = mix_rows(leaf.flip(0), Mix(mutual, 1 - own))
    torch.testing.assert_close(mix_rows(leaf, Mix(mutual, own)), swapped, rtol=0, atol=1e-12)


@quick
@given(mixes(low=-2, high=3))
def test_neither_rows_nor_draw_are_modified(case):
    leaf, mix = case
    copies = leaf.clone(), mix.partner.clone(), mix.own.clone()
    Linear()(leaf, mix)
    assert all(map(torch.equal, copies, (leaf, mix.partner, mix.own)))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("size", [1, 5])
def test_at_one_and_zero_a_row_is_kept_or_replaced_bit_for_bit(dtype, size):
    leaf = (1e3 * torch.randn(5, 3, generator=seeded(0))).to(dtype)
    partner = torch.tensor([3, 3, 0, 4, 1])
    ones, zeros = torch.ones(size, dtype=torch.float64), torch.zeros(size, dtype=torch.float64)
    assert torch.equal(mix_rows(leaf, Mix(partner, ones)), leaf)
    assert torch.equal(mix_rows(leaf, Mix(partner, zeros)), leaf[partner])
    assert mix_rows(leaf, Mix(partner, ones / 3)).dtype == dtype


def test_rows_are_scaled_not_columns_where_the_image_is_as_wide_as_the_batch():
    images = torch.arange(3.0)[:, None, None, None].expand(3, 1, 2, 3)
    mixed = mix_rows(images, Mix(torch.tensor([1, 2, 0]), torch.tensor([1.0, 0.5, 0.25])))
    assert mixed.amax((1, 2, 3)).tolist() == [0, 1.5, 0.5]
    assert mixed.amin((1, 2, 3)).tolist() == [0, 1.5, 0.5]


Parts = namedtuple("Parts", ["image", "table"])


def test_a_tree_is_mixed_leaf_by_leaf_with_one_draw():
    mix = Mix(torch.tensor([1, 0]), torch.tensor([0.75, 0.5]))
    x = torch.tensor([[0.0], [8.0]])
    tree = {"p": Parts(x, (x * 10, [x * 100])), "v": x.squeeze(1)}
    mixed, labels = Linear()(tree, mix)
    assert labels is mix
    assert isinstance(mixed["p"], Parts)
    assert mixed["v"].tolist() == [2, 4]
    assert mixed["p"].image.tolist() == [[2], [4]]
    assert mixed["p"].table[0].tolist() == [[20], [40]]
    assert mixed["p"].table[1][0].tolist() == [[200], [400]]


@pytest.mark.parametrize("dtype", [torch.int64, torch.uint8, torch.bool])
def test_codes_are_refused_alone_and_in_a_tree(dtype):
    codes = torch.ones(2, 3, dtype=dtype)
    for tree in (codes, {"numbers": torch.ones(2, 3), "codes": codes}):
        with pytest.raises(PointError, match="cannot be mixed: expected floating point"):
            Linear()(tree, Mix.identity(2))


def test_gradient_reaches_both_rows_in_their_shares():
    leaf = torch.zeros(3, 2, dtype=torch.float64, requires_grad=True)
    mix = Mix(torch.tensor([1, 2, 2]), torch.tensor([0.75, 0.5, 0.25], dtype=torch.float64))
    mix_rows(leaf, mix).sum().backward()
    # row 1 keeps .5 and lends .25 to row 0; row 2 keeps all and lends .5 to row 1
    assert leaf.grad.tolist() == [[0.75] * 2, [0.75] * 2, [1.5] * 2]
