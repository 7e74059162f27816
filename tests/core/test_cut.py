"""CutMix: the labels' share is the share of pixels, exactly, wherever the box falls."""

from __future__ import annotations

import itertools

import pytest
import torch

from mixup_multi.errors import PointError
from mixup_multi.mix import BetaShare, Cut, Mix
from mixup_multi.streams import stream

SIZES = [(8, 8), (5, 9), (9, 4), (1, 7), (3, 1), (32, 17)]


def numbered(n: int, height: int, width: int) -> torch.Tensor:
    """Images that hold their row's number, so that each pixel tells where it comes from."""
    return torch.arange(n, dtype=torch.float32)[:, None, None, None].expand(n, 2, height, width)


def next_row(n: int) -> torch.Tensor:
    return torch.arange(n).roll(-1)


@pytest.mark.parametrize(("height", "width"), SIZES)
@pytest.mark.parametrize("per", ["batch", "row"])
def test_label_share_is_the_fraction_of_own_pixels(height, width, per):
    images, rows = numbered(7, height, width), torch.arange(7)
    generator = stream(height, "mix")
    for _ in range(20):
        mix = Mix(next_row(7), BetaShare(1.0, per).draw(7, generator))
        blended, labels = Cut()(images, mix, Cut().draw(len(mix.own), generator))
        mine = blended == rows[:, None, None, None]
        theirs = blended == mix.partner[:, None, None, None]
        assert (mine ^ theirs).all()
        kept = mine.sum((1, 2, 3), dtype=torch.float64) / (2 * height * width)
        torch.testing.assert_close(labels.own.expand(7), kept, rtol=0, atol=1e-15)
        assert torch.equal(labels.partner, mix.partner)
        assert labels.own.dtype == torch.float64


def test_the_pasted_part_is_a_box_of_the_papers_sides_around_its_centre():
    images = numbered(2, 4, 8)
    mix = Mix(next_row(2), torch.tensor([0.75], dtype=torch.float64))  # sides 4 / 2 and 8 / 2
    middle = torch.tensor([[0.5, 0.5]], dtype=torch.float64)
    blended, labels = Cut()(images, mix, middle)
    assert labels.own.tolist() == [0.75]
    assert blended[0, 0].int().tolist() == [
        [0] * 8,
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0, 0, 1, 1, 1, 1, 0, 0],
        [0] * 8,
    ]
    assert torch.equal(blended[1], 1 - blended[0])
    clipped, labels = Cut()(images, mix, torch.zeros(1, 2, dtype=torch.float64))
    assert clipped[0, 0].sum() == 1 * 2  # a quarter of the box is left in the corner
    assert labels.own.tolist() == [1 - 2 / 32]


@pytest.mark.parametrize(("height", "width"), SIZES)
def test_one_box_a_batch_is_the_same_box_for_every_row(height, width):
    """The fast path of one share equals the masks of one share a row."""
    images, generator = torch.randn(5, 3, height, width), stream(1, "mix")
    for _ in range(20):
        own, centre = BetaShare(1.0).draw(5, generator), Cut().draw(1, generator)
        one, label = Cut()(images, Mix(next_row(5), own), centre)
        each, labels = Cut()(images, Mix(next_row(5), own.repeat(5)), centre.repeat(5, 1))
        assert torch.equal(one, each)
        assert torch.equal(label.own.expand(5), labels.own)


@pytest.mark.parametrize("size", [1, 3])
def test_share_one_changes_nothing(size):
    images = torch.randn(3, 1, 5, 6)
    mix = Mix(next_row(3), torch.ones(size, dtype=torch.float64))
    blended, labels = Cut()(images, mix, Cut().draw(size, stream(0, "mix")))
    assert torch.equal(blended, images)
    assert labels.own.tolist() == [1] * size


@pytest.mark.parametrize("size", [1, 3])
def test_share_zero_pastes_all_of_it_at_the_centre_and_a_quarter_in_a_corner(size):
    images, mix = numbered(3, 4, 8), Mix(next_row(3), torch.zeros(size, dtype=torch.float64))
    blended, labels = Cut()(images, mix, torch.full((size, 2), 0.5))
    assert labels.own.tolist() == [0] * size
    assert torch.equal(blended, images[mix.partner])
    _, labels = Cut()(images, mix, torch.zeros(size, 2))
    assert labels.own.tolist() == [0.75] * size


@pytest.mark.filterwarnings("error")  # a root of a negative number
@pytest.mark.parametrize(("height", "width"), SIZES)
def test_no_share_and_no_centre_leaves_the_image(height, width):
    edge = 1 - 1e-12
    for own, down, right in itertools.product((-1.0, -1e-9, 1.5), (0.0, 0.5, edge), (0.0, edge)):
        mix = Mix(next_row(2), torch.tensor([own], dtype=torch.float64))
        centre = torch.tensor([[down, right]], dtype=torch.float64)
        blended, labels = Cut()(numbered(2, height, width), mix, centre)
        assert blended.shape == (2, 2, height, width)
        assert 0 <= labels.own.item() <= 1
        kept = (blended[0] == 0).double().mean().item()
        assert labels.own.item() == pytest.approx(kept, abs=1e-12)


def test_clipping_keeps_more_than_was_drawn():
    generator, images = stream(0, "mix"), torch.zeros(1, 1, 128, 128)
    drawn, kept = [], []
    for _ in range(1000):
        own = BetaShare(1.0).draw(1, generator)
        _, labels = Cut()(images, Mix(next_row(1), own), Cut().draw(1, generator))
        drawn.append(own.item())
        kept.append(labels.own.item())
    assert all(after >= before for before, after in zip(drawn, kept, strict=True))
    # A side s = sqrt(1 - own) keeps s - s^2 / 4 inside on average; with own uniform,
    # 1 - E[(s - s^2 / 4)^2] = 1 - (1 / 2 - 1 / 5 + 1 / 48).
    assert sum(kept) / len(kept) == pytest.approx(1 - (1 / 2 - 1 / 5 + 1 / 48), abs=0.03)


def test_images_of_any_type_are_cut_and_left_as_they_were():
    for dtype in (torch.uint8, torch.bool, torch.float16, torch.float64):
        images = (torch.arange(48).reshape(3, 1, 4, 4) % 3).to(dtype)
        before = images.clone()
        for size in (1, 3):
            mix = Mix(next_row(3), torch.full((size,), 0.25, dtype=torch.float64))
            blended, _ = Cut()(images, mix, torch.full((size, 2), 0.5))
            by_hand = images.clone()
            by_hand[..., 1:3, 1:3] = images[mix.partner][..., 1:3, 1:3]
            assert blended.dtype == dtype
            assert torch.equal(blended, by_hand)
            assert not torch.equal(blended, images)
            assert torch.equal(images, before)


@pytest.mark.parametrize("size", [1, 2])
def test_gradient_reaches_both_rows_pixel_by_pixel(size):
    images = torch.zeros(2, 1, 4, 8, requires_grad=True)
    mix = Mix(next_row(2), torch.full((size,), 0.75))
    blended, _ = Cut()(images, mix, torch.full((size, 2), 0.5))
    blended[0].sum().backward()
    assert images.grad[0].sum() == 24
    assert images.grad[1].sum() == 8


@pytest.mark.parametrize("flow", [torch.ones(2, 5), torch.ones(2, 3, 4), {"image": torch.ones(2)}])
def test_what_is_no_image_is_refused(flow):
    with pytest.raises(PointError, match=r"expected a tensor \(n, c, h, w\)"):
        Cut()(flow, Mix.identity(2), torch.zeros(1, 2))


def test_centres_are_uniform_and_replayable():
    first, again = (Cut().draw(2000, stream(5, "mix")) for _ in range(2))
    assert torch.equal(first, again)
    assert first.shape == (2000, 2)
    assert (first.mean(0) - 0.5).abs().max() < 5 * (1 / 12 / 2000) ** 0.5
