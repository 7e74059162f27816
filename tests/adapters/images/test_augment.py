from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor
from torchvision.transforms import functional as reference

from mixup_multi_adapters.images.augment import CropFlip, Normalise, Shifts


def _images(*shape: int) -> Tensor:
    generator = torch.Generator().manual_seed(7)
    return torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)


def _one_by_one(augment: CropFlip, stored: Tensor, shifts: Shifts) -> Tensor:
    """Crop and flip each image on its own, by torchvision's functions."""
    height, width = stored.shape[2:]
    done = []
    for image, (top, left), flip in zip(stored, shifts.offsets.tolist(), shifts.flips, strict=True):
        padded = reference.pad(image, [augment.pad] * 4, fill=augment.fill)
        cropped = reference.crop(padded, top, left, height, width)
        done.append(reference.hflip(cropped) if flip else cropped)
    return torch.stack(done)


@pytest.mark.parametrize("augment", [CropFlip(2, True), CropFlip(4, False, 9), CropFlip(0, True)])
@pytest.mark.parametrize("shape", [(64, 3, 32, 32), (1, 1, 28, 28), (7, 3, 5, 9)])
def test_a_batch_is_what_each_image_would_be_alone(
    augment: CropFlip, shape: tuple[int, ...]
) -> None:
    stored = _images(*shape)
    kept = stored.clone()
    shifts = augment.draw(len(stored), torch.Generator().manual_seed(3))
    assert torch.equal(augment.apply(stored, shifts), _one_by_one(augment, stored, shifts))
    assert torch.equal(stored, kept)


def test_the_same_generator_gives_the_same_images() -> None:
    stored, augment = _images(32, 3, 16, 16), CropFlip(2, True)
    first, again, other = (
        augment(stored, torch.Generator().manual_seed(seed)) for seed in (5, 5, 6)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_every_image_has_its_own_offset_and_flip() -> None:
    shifts = CropFlip(2, True).draw(5_000, torch.Generator().manual_seed(0))
    places = shifts.offsets[:, 0] * 5 + shifts.offsets[:, 1]
    counts = torch.bincount(places, minlength=25)
    assert len(counts) == 25
    assert int(counts.min()) > 130  # 200 expected at each of the 25 places, deviation 14
    assert abs(float(shifts.flips.float().mean()) - 0.5) < 0.03
    assert not CropFlip(2, False).draw(100, torch.Generator()).flips.any()


def test_the_padding_is_black_before_normalisation() -> None:
    white = torch.full((1, 3, 4, 4), 255, dtype=torch.uint8)
    corner = Shifts(torch.tensor([[0, 0]]), torch.tensor([False]))
    cropped = CropFlip(2, False).apply(white, corner)
    assert cropped[0, 0].tolist() == [[0] * 4, [0] * 4, [0, 0, 255, 255], [0, 0, 255, 255]]
    assert Normalise((0.5,) * 3, (0.5,) * 3)(cropped)[0, 0, 0, 0] == -1


@pytest.mark.parametrize("channels", [1, 3])
def test_normalisation_is_torchvisions_bit_for_bit(channels: int) -> None:
    mean, std = (0.49, 0.48, 0.44)[:channels], (0.24, 0.25, 0.26)[:channels]
    stored = _images(4, channels, 8, 8)
    expected = []
    for image in stored:
        array = image.permute(1, 2, 0).numpy()
        picture = Image.fromarray(np.ascontiguousarray(array if channels == 3 else array[:, :, 0]))
        expected.append(reference.normalize(reference.to_tensor(picture), mean, std))
    normalise = Normalise(mean, std)
    assert torch.equal(normalise(stored), torch.stack(expected))
    assert torch.equal(normalise(stored), normalise(stored))
