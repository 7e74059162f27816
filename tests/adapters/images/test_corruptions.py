"""Corruptions of images against scipy, Pillow, colorsys and, where installed, the generator's."""

from __future__ import annotations

import colorsys
import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from torch import Tensor

from mixup_multi.engine.shifted import Draws, draws_for
from mixup_multi_adapters.images.corruptions import (
    EXTRA,
    STANDARD,
    blur,
    digital,
    noise,
    sampling,
    weather,
)
from mixup_multi_adapters.images.corruptions.made import MadeCorruption, made_corruptions

NONE = Draws([])


def draws(n: int, name: str = "test", seed: int = 0) -> Draws:
    return draws_for([str(row) for row in range(n)], name, seed)


@pytest.fixture
def images() -> Tensor:
    """Smooth pictures with some noise, `(6, 3, 32, 32)` in [0, 1] and of 8 bits."""
    random = np.random.default_rng(0)
    waves = ndimage.gaussian_filter(random.normal(size=(6, 3, 32, 32)), (0, 0, 3, 3))
    waves = 0.5 + 0.35 * waves / np.abs(waves).max() + 0.05 * random.normal(size=waves.shape)
    return torch.from_numpy(np.round(waves.clip(0, 1) * 255) / 255).float()


def test_the_vocabulary_is_the_published_one() -> None:
    assert len(STANDARD) == 15
    assert set(EXTRA) == {"speckle_noise", "gaussian_blur", "spatter", "saturate"}
    assert set(made_corruptions(1, 255)) == {*STANDARD, *EXTRA} - {"saturate"}
    assert sum(shift.standard for shift in made_corruptions(3, 255).values()) == 15


@pytest.mark.parametrize("severity", [1, 3, 5])
def test_noises_have_their_moments(severity: int) -> None:
    grey = torch.full((40, 3, 32, 32), 0.5)
    size = (0.04, 0.06, 0.08, 0.09, 0.10)[severity - 1]
    found = noise.gaussian_noise(grey, severity, draws(40)) - grey
    assert found.mean().abs() < 0.002
    assert found.std().item() == pytest.approx(size, rel=0.02)
    photons = (500, 250, 100, 75, 50)[severity - 1]
    shot = noise.shot_noise(grey, severity, draws(40))
    assert shot.mean().item() == pytest.approx(0.5, abs=0.002)
    assert shot.var().item() == pytest.approx(0.5 / photons, rel=0.03)
    torch.testing.assert_close(shot * photons, (shot * photons).round())
    share = (0.01, 0.02, 0.03, 0.05, 0.07)[severity - 1]
    hit = noise.impulse_noise(grey, severity, draws(40))
    assert (hit != grey).float().mean().item() == pytest.approx(share, rel=0.05)
    assert set(hit.unique().tolist()) == {0.0, 0.5, 1.0}
    speckle = noise.speckle_noise(grey, severity, draws(40)) - grey
    assert speckle.std().item() == pytest.approx(
        0.5 * (0.06, 0.1, 0.12, 0.16, 0.2)[severity - 1], rel=0.02
    )


@pytest.mark.parametrize("sigma", [0.05, 0.4, 1.0, 2.3])
@pytest.mark.parametrize("edge", ["nearest", "reflect"])
def test_the_gaussian_is_scipys(images: Tensor, sigma: float, edge: str) -> None:
    expected = ndimage.gaussian_filter(images.double().numpy(), (0, 0, sigma, sigma), mode=edge)
    found = sampling.gaussian(images.double(), sigma, edge=edge)
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-9)


@pytest.mark.parametrize("factor", [1.0, 1.05, 1.11, 1.25, 1.75])
def test_the_clipped_zoom_is_scipys(images: Tensor, factor: float) -> None:
    side = int(np.ceil(32 / factor))
    top = (32 - side) // 2
    for image, found in zip(images, sampling.clipped_zoom(images, factor), strict=True):
        middle = image[:, top : top + side, top : top + side].double().numpy()
        large = ndimage.zoom(middle, (1, factor, factor), order=1)
        trim = (large.shape[1] - 32) // 2
        expected = large[:, trim : trim + 32, trim : trim + 32]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-5)


@pytest.mark.parametrize(("edge", "mode"), [("mirror", "mirror"), ("reflect", "reflect")])
def test_reading_between_pixels_is_scipys(images: Tensor, edge: str, mode: str) -> None:
    places = torch.rand(2, 6, 32, 32, generator=torch.Generator().manual_seed(0)) * 44 - 6
    found = sampling.bilinear(images, places[0], places[1], edge)
    for image, rows, columns, read in zip(images, *places, found, strict=True):
        for channel, expected in zip(image, read, strict=True):
            at = np.stack([rows.double().numpy(), columns.double().numpy()])
            scipys = ndimage.map_coordinates(channel.double().numpy(), at, order=1, mode=mode)
            np.testing.assert_allclose(expected.numpy(), scipys, atol=1e-4)


@pytest.mark.parametrize("severity", [1, 2, 3, 4, 5])
def test_pixelate_is_pillows(images: Tensor, severity: int) -> None:
    side = int(32 * (0.95, 0.9, 0.85, 0.75, 0.65)[severity - 1])
    found = digital.pixelate(images, severity, NONE)
    for image, small in zip(images, found, strict=True):
        picture = Image.fromarray((image * 255).round().byte().permute(1, 2, 0).numpy())
        there = picture.resize((side, side), Image.Resampling.BOX)
        back = np.asarray(there.resize((32, 32), Image.Resampling.BOX))
        difference = np.abs(small.permute(1, 2, 0).numpy() * 255 - back)
        assert difference.max() <= 1.01  # Pillow rounds fixed-point weights
        assert difference.mean() < 0.05


def test_jpeg_is_pillows_on_the_clean_pixels(images: Tensor) -> None:
    file = io.BytesIO()
    pixels = (images[0] * 255).round().byte().permute(1, 2, 0).numpy()
    Image.fromarray(pixels).save(file, "JPEG", quality=40)
    expected = np.asarray(Image.open(file))
    found = digital.jpeg_compression(images[:1], 5, NONE)[0].permute(1, 2, 0) * 255
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-3)


@pytest.mark.parametrize("severity", [1, 4, 5])
def test_brightness_and_saturation_are_those_of_hsv(images: Tensor, severity: int) -> None:
    images[0, :, 0, 0] = 0.0
    images[0, :, 0, 1] = 0.5
    added = (0.05, 0.1, 0.15, 0.2, 0.3)[severity - 1]
    factor, more = ((0.3, 0), (0.1, 0), (1.5, 0), (2, 0.1), (2.5, 0.2))[severity - 1]
    bright = weather.brightness(images, severity, NONE)
    vivid = digital.saturate(images, severity, NONE)
    for row in range(3):
        for column in range(3):
            pixel = images[0, :, row, column].tolist()
            hue, saturation, value = colorsys.rgb_to_hsv(*pixel)
            expected = colorsys.hsv_to_rgb(hue, saturation, min(value + added, 1))
            assert bright[0, :, row, column].tolist() == pytest.approx(expected, abs=1e-5)
            wanted = min(max(saturation * factor + more, 0), 1)
            expected = colorsys.hsv_to_rgb(hue, wanted, value)
            assert vivid[0, :, row, column].tolist() == pytest.approx(expected, abs=1e-5)


def test_contrast_keeps_the_mean_and_divides_the_spread(images: Tensor) -> None:
    found = digital.contrast(images, 3, NONE)
    torch.testing.assert_close(found.mean((2, 3)), images.mean((2, 3)))
    torch.testing.assert_close(found.std((2, 3)), 0.4 * images.std((2, 3)))


def test_blurs_keep_a_constant_image(images: Tensor) -> None:
    flat = torch.full((2, 3, 32, 32), 0.6)
    for name in ("defocus_blur", "motion_blur", "zoom_blur", "gaussian_blur"):
        torch.testing.assert_close(STANDARD.get(name, EXTRA.get(name))(flat, 5, draws(2)), flat)  # type: ignore[misc]
    glass = blur.glass_blur(torch.full((2, 3, 32, 32), 153 / 255), 5, draws(2))
    torch.testing.assert_close(glass, torch.full_like(glass, 153 / 255), atol=1e-5, rtol=0)


def test_a_motion_at_zero_degrees_blurs_along_rows() -> None:
    point = torch.zeros(1, 1, 9, 9)
    point[0, 0, 4, 6] = 1.0
    found = sampling.motion_blurred(point, 2, 1.0, torch.zeros(1))[0, 0]
    weights = np.exp(-0.5 * np.arange(5) ** 2)
    expected = np.zeros((9, 9))
    expected[4, 2:7] = (weights / weights.sum())[::-1]
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-6)


def test_fog_is_a_fractal_over_the_whole_range() -> None:
    haze = weather.plasma(32, 2.0, draws(5))
    assert haze.shape == (5, 32, 32)
    assert haze.amin((1, 2)).tolist() == [0.0] * 5
    assert haze.amax((1, 2)).tolist() == [1.0] * 5
    smooth, rough = (
        weather.plasma(32, decay, draws(5)).diff(dim=2).abs().mean() for decay in (3, 1.2)
    )
    assert smooth < rough


def test_the_eight_bits_are_cut_off_and_stay_where_nothing_changes() -> None:
    every = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    same = MadeCorruption("contrast", lambda x, severity, draws: x)
    from mixup_multi_adapters.images.corruptions.made import _corrupted

    assert torch.equal(_corrupted(same, 1, every, NONE), every)
    half = MadeCorruption("contrast", lambda x, severity, draws: x + 0.7 / 255)
    assert torch.equal(_corrupted(half, 1, every, NONE), every)
    sixteenths = torch.arange(17, dtype=torch.uint8).reshape(1, 1, 1, 17)
    sixteen = MadeCorruption("contrast", lambda x, severity, draws: x, top=16)
    found = _corrupted(sixteen, 1, sixteenths, NONE)
    assert (found - sixteenths).abs().max() <= 16 / 255


def test_a_hidden_grey_level_of_grey_images_stays_grey(images: Tensor) -> None:
    for name, corrupt in {**STANDARD, **EXTRA}.items():
        if name not in ("frost", "spatter", "saturate"):
            found = corrupt(images[:, :1], 4, draws(6))
            assert found.shape == (6, 1, 32, 32), name
            assert found.isfinite().all(), name


# Against the published generator's own helpers, where the extra is installed.


def test_helpers_are_the_generators(images: Tensor) -> None:
    pytest.importorskip("imagecorruptions")
    from imagecorruptions import corruptions as theirs

    for radius, soft in ((0.3, 0.4), (0.5, 0.6), (1, 0.2), (1.5, 0.1), (3, 0.5)):
        kernel = torch.from_numpy(theirs.disk(radius, soft))
        ours = blur.disk(radius, soft)
        cut = (len(kernel) - len(ours)) // 2
        np.testing.assert_allclose(ours, kernel[cut:-cut, cut:-cut], atol=1e-6)
    for degrees in (-40.0, -3.0, 17.0, 45.0):
        image = images[0].permute(1, 2, 0).numpy()
        expected = theirs._motion_blur(image, 6, 2.0, degrees)
        found = sampling.motion_blurred(images[:1], 6, 2.0, torch.tensor([degrees]))
        inside = np.s_[14:-14, 14:-14]  # their border repeats one row too early
        np.testing.assert_allclose(
            found[0].permute(1, 2, 0).numpy()[inside], expected[inside], atol=1e-5
        )


def test_fields_of_fog_are_distributed_as_the_generators() -> None:
    pytest.importorskip("imagecorruptions")
    from imagecorruptions import corruptions as theirs

    ours = weather.plasma(32, 1.75, draws(300))
    state = np.random.get_state()
    np.random.seed(0)
    other = torch.from_numpy(np.stack([theirs.plasma_fractal(32, 1.75) for _ in range(300)]))
    np.random.set_state(state)
    assert ours.mean().item() == pytest.approx(other.mean().item(), abs=0.015)
    assert ours.std().item() == pytest.approx(other.std().item(), rel=0.05)
    steps = (ours.diff(dim=2).abs().mean(), other.diff(dim=2).abs().mean())
    assert steps[0].item() == pytest.approx(steps[1].item(), rel=0.05)


@pytest.mark.parametrize("severity", [1, 3, 4, 5])
@pytest.mark.parametrize("channels", [1, 3])
def test_frost_and_spatter_lie_over_the_image(images: Tensor, severity: int, channels: int) -> None:
    pytest.importorskip("imagecorruptions")
    for name in ("frost", "spatter"):
        corrupt = {**STANDARD, **EXTRA}[name]
        found = corrupt(images[:, :channels], severity, draws(6))
        assert found.shape == (6, channels, 32, 32)
        assert found.isfinite().all()
        assert not torch.equal(found, images[:, :channels])
        assert torch.equal(found, corrupt(images[:, :channels], severity, draws(6)))
