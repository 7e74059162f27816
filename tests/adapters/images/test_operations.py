"""AugMix's operations against Pillow's, which the released code calls, and torchvision's."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import copysign

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from sklearn.datasets import load_sample_images
from torch import Tensor
from torchvision.transforms.v2 import functional as vision

from mixup_multi_adapters.images.operations import OPERATIONS

STRENGTHS = (0.0, 0.1, -0.7, 1.9, 2.6, -2.99, 3.0, 7.3, -7.4)
ROTATING = {"rotate", "shear_x", "shear_y"}  # which interpolate between pixels
every_operation = pytest.mark.parametrize("name", OPERATIONS)


def pictures() -> list[np.ndarray]:
    """A photograph, noise over all and over few levels, and one level."""
    random = np.random.default_rng(0)
    photograph = Image.fromarray(load_sample_images().images[0]).resize((40, 32))
    noise = random.integers(0, 256, (32, 40, 3), dtype=np.uint8)
    dull = random.integers(90, 140, (32, 40, 3), dtype=np.uint8)
    return [np.asarray(photograph), noise, dull, np.full((32, 40, 3), 7, np.uint8)]


def levels(images: list[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2).float()


def released(image: Image.Image, strength: float) -> Mapping[str, Callable[[], Image.Image]]:
    """The released code's functions at a drawn level, whose sign is its coin."""
    width, height = image.size

    def whole(most: float) -> int:
        return int(abs(strength) * most / 10)

    def signed(most: float) -> int:
        return int(copysign(whole(most), strength))

    def affine(*matrix: float) -> Image.Image:
        return image.transform(image.size, Image.AFFINE, matrix, resample=Image.BILINEAR)

    slope = strength * 0.3 / 10
    return {
        "autocontrast": lambda: ImageOps.autocontrast(image),
        "equalize": lambda: ImageOps.equalize(image),
        "posterize": lambda: ImageOps.posterize(image, 4 - whole(4)),
        "rotate": lambda: image.rotate(signed(30), resample=Image.BILINEAR),
        "solarize": lambda: ImageOps.solarize(image, 256 - whole(256)),
        "shear_x": lambda: affine(1, slope, 0, 0, 1, 0),
        "shear_y": lambda: affine(1, 0, 0, slope, 1, 0),
        "translate_x": lambda: affine(1, 0, signed(width / 3), 0, 1, 0),
        "translate_y": lambda: affine(1, 0, 0, 0, 1, signed(height / 3)),
    }


@every_operation
@pytest.mark.parametrize("strength", STRENGTHS)
def test_it_is_what_pillow_makes_of_the_same_pixels(name: str, strength: float) -> None:
    images = pictures()
    made = OPERATIONS[name](levels(images), torch.full((len(images),), strength))
    references = [released(Image.fromarray(image), strength)[name]() for image in images]
    expected = levels([np.asarray(reference) for reference in references])
    if name in ROTATING:
        assert (made - expected).abs().max() <= 1
        assert ((made - expected) != 0).float().mean() < 0.005
    else:
        assert torch.equal(made, expected)


@pytest.mark.parametrize("name", ["autocontrast", "equalize"])
def test_it_is_what_torchvision_makes_of_the_same_pixels(name: str) -> None:
    """But for autocontrast's last bit: its single precision cuts some levels off one too low."""
    images = levels(pictures())
    made = OPERATIONS[name](images, torch.zeros(len(images)))
    expected = getattr(vision, name)(images.byte()).float()
    assert (made - expected).abs().max() <= (1 if name == "autocontrast" else 0)


@every_operation
def test_rows_have_strengths_of_their_own_and_the_argument_stays(name: str) -> None:
    images = levels(pictures())
    before, strengths = images.clone(), torch.tensor([0.5, -3.0, 7.0, 2.5])
    together = OPERATIONS[name](images, strengths)
    alone = [OPERATIONS[name](images[i : i + 1], strengths[i : i + 1]) for i in range(4)]
    assert torch.equal(together, torch.cat(alone))
    assert torch.equal(images, before)
    assert torch.equal(together, together.round())
    assert together.min() >= 0
    assert together.max() <= 255


@pytest.mark.parametrize("name", sorted({*OPERATIONS} - {"autocontrast", "equalize", "posterize"}))
def test_without_strength_it_is_the_image(name: str) -> None:
    images = levels(pictures())
    assert torch.equal(OPERATIONS[name](images, torch.zeros(4)), images)


@every_operation
@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (1, 3, 5, 9), (3, 4, 1, 1)])
def test_any_shape(name: str, shape: tuple[int, ...]) -> None:
    images = torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(0)).float()
    made = OPERATIONS[name](images, torch.full(shape[:1], -2.9))
    assert made.shape == images.shape
    assert made.isfinite().all()
