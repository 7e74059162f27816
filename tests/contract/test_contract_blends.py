"""What every registered blend keeps; the list is the entry points'."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
import torch
from torch import Tensor

from mixup_multi.mix import BetaShare, Mix
from mixup_multi.streams import stream

BLENDS = {point.name: point.load() for point in entry_points(group="mixup_multi.blends")}
every_blend = pytest.mark.parametrize("name", sorted(BLENDS))
sizes = pytest.mark.parametrize("n", [1, 2, 7])
shares = pytest.mark.parametrize("per", ["batch", "row"])


def images(n: int, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(n)
    return torch.randn(n, 2, 6, 9, generator=generator, dtype=torch.float64).to(dtype)


def drawn(name: str, n: int, per: str, seed: int = 0) -> tuple[Mix, Tensor | None]:
    generator = stream(seed, "mix")
    mix = Mix(torch.arange(n).roll(1), BetaShare(1.0, per).draw(n, generator))
    return mix, BLENDS[name]().draw(len(mix.own), generator)


def test_the_papers_blends_are_registered():
    assert {"linear", "cut"} <= set(BLENDS)


@every_blend
def test_its_draw_is_made_by_the_generator_alone(name):
    global_state = torch.get_rng_state()
    first, second = (BLENDS[name]().draw(5, stream(3, "mix")) for _ in range(2))
    assert (first is second is None) or torch.equal(first, second)
    assert torch.equal(torch.get_rng_state(), global_state)


@every_blend
@sizes
@shares
def test_labels_get_the_share_that_the_row_has_of_the_result(name, n, per):
    """A constant image of value i becomes one whose mean tells what is left of i."""
    value = torch.arange(1.0, n + 1, dtype=torch.float64)
    flat = value[:, None, None, None].expand(n, 2, 6, 9)
    for seed in range(10):
        mix, extra = drawn(name, n, per, seed)
        blended, labels = BLENDS[name]()(flat, mix, extra)
        own = labels.own.expand(n)
        expected = own * value + (1 - own) * value[labels.partner]
        torch.testing.assert_close(blended.mean((1, 2, 3)), expected, rtol=0, atol=1e-12)
        assert torch.equal(labels.partner, mix.partner)
        assert ((own >= 0) & (own <= 1)).all()
        assert labels.own.shape == mix.own.shape
        assert labels.own.dtype == torch.float64


@every_blend
@sizes
@shares
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32, torch.float64])
def test_shape_and_type_stay_and_what_was_given_is_left_alone(name, n, per, dtype):
    given, (mix, extra) = images(n, dtype), drawn(name, n, per)
    tensors = [t for t in (given, mix.partner, mix.own, extra) if t is not None]
    before = [t.clone() for t in tensors]
    blended, _ = BLENDS[name]()(given, mix, extra)
    assert blended.shape == given.shape
    assert blended.dtype == dtype
    assert blended.data_ptr() != given.data_ptr()
    assert all(map(torch.equal, before, tensors))


@every_blend
@sizes
def test_the_same_draw_gives_the_same_result(name, n):
    mix, extra = drawn(name, n, "row")
    first, second = (BLENDS[name]()(images(n), mix, extra)[0] for _ in range(2))
    assert torch.equal(first, second)


@every_blend
@sizes
@pytest.mark.parametrize("per", ["batch", "row"])
def test_share_one_is_the_batch_itself(name, n, per):
    mix, extra = drawn(name, n, per)
    blended, labels = BLENDS[name]()(images(n), Mix(mix.partner, torch.ones_like(mix.own)), extra)
    assert torch.equal(blended, images(n))
    assert (labels.own == 1).all()


@every_blend
@shares
def test_a_row_that_meets_itself_stays(name, per):
    mix, extra = drawn(name, 4, per)
    blended, _ = BLENDS[name]()(images(4), Mix(torch.arange(4), mix.own), extra)
    torch.testing.assert_close(blended, images(4), rtol=0, atol=1e-12)


@every_blend
@shares
def test_gradient_reaches_row_and_partner(name, per):
    given = images(4).requires_grad_()
    mix, extra = drawn(name, 4, per)
    own = torch.full_like(mix.own, 0.5)
    blended, labels = BLENDS[name]()(given, Mix(mix.partner, own), extra)
    blended[2].sum().backward()
    reached = given.grad.mean((1, 2, 3)).tolist()
    share = labels.own.expand(4)[2].item()
    assert 0 < share < 1
    assert reached == pytest.approx([0, 1 - share, share, 0])
