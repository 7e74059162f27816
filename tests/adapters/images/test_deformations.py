"""Rotation, shear and zoom against scipy, and what they do to simple images."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import pytest
import torch
from scipy import ndimage
from torch import Tensor

from mixup_multi.engine.shifted import draws_for
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.errors import SettingError
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.deformations import DEFORMATIONS, nearest, sources

RANGES = {"rotation": 40.0, "shear": 57.3, "zoom_in": 60.0, "zoom_out": 140.0}
NOTHING = {"rotation": 0.0, "shear": 0.0, "zoom_in": 100.0, "zoom_out": 100.0}


@pytest.fixture(scope="module")
def data() -> Data:
    return ImageAdapter.datasets["digits"].load(Path(), Trial())


def matrices(kind: str, n: int) -> Tensor:
    draws = draws_for([str(row) for row in range(n)], kind, 0)
    return DEFORMATIONS[kind].matrices(RANGES[kind], draws)  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("kind", RANGES)
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (7, 12)])
def test_the_papers_protocol_is_scipys_order_0(kind: str, size: tuple[int, int]) -> None:
    images = torch.randn(5, 2, *size, generator=torch.Generator().manual_seed(0))
    turns = matrices(kind, 5)
    found = nearest(images, *sources(turns, *size, exact=False))
    centre = np.array(size) / 2 + 0.5
    for image, turn, new in zip(images, turns.numpy(), found, strict=True):
        for channel, read in zip(image, new, strict=True):
            expected = ndimage.affine_transform(
                channel.numpy(), turn, centre - turn @ centre, order=0, mode="constant", cval=0
            )
            np.testing.assert_array_equal(read.numpy(), expected)


@pytest.mark.parametrize("kind", NOTHING)
@pytest.mark.parametrize("exact", [False, True])
def test_no_range_is_the_identity(data: Data, kind: str, exact: bool) -> None:
    index = torch.arange(30)
    clean = data.test.gather(index).inputs
    same = DEFORMATIONS[kind].of(data.test, NOTHING[kind], 0, exact=exact).gather(index).inputs
    if exact:  # black is taken off and added again
        torch.testing.assert_close(same, clean, atol=1e-6, rtol=0)
    else:
        assert torch.equal(same, clean)


def test_a_zoom_into_a_constant_is_constant_and_out_of_it_leaves_a_rim() -> None:
    flat = torch.full((1, 1, 64, 64), 3.0)
    half = 0.5 * torch.eye(2, dtype=torch.float64)[None]
    assert torch.equal(nearest(flat, *sources(half, 64, 64, exact=False)), flat)
    far = nearest(flat, *sources(4 * half, 64, 64, exact=False))
    assert (far == 0).float().mean().item() == pytest.approx(0.75, abs=0.02)


def test_a_quarter_turn_is_exact_about_the_middle_and_shifted_in_the_papers_protocol() -> None:
    quarter = torch.tensor([[[0.0, -1.0], [1.0, 0.0]]], dtype=torch.float64)
    image = torch.arange(1.0, 37).reshape(1, 1, 6, 6)
    exact = nearest(image, *sources(quarter, 6, 6, exact=True))
    assert torch.equal(exact, image.rot90(-1, (2, 3))) or torch.equal(exact, image.rot90(1, (2, 3)))
    papers = nearest(image, *sources(quarter, 6, 6, exact=False))
    assert torch.equal(papers[..., 2:, :], exact[..., :-2, :]) or torch.equal(
        papers[..., :, 2:], exact[..., :, :-2]
    )


def test_outside_is_the_mean_in_the_papers_protocol_and_black_in_the_exact_one(data: Data) -> None:
    index = torch.arange(3)
    for exact, outside in ((False, 0.0), (True, -1.0)):
        source = DEFORMATIONS["zoom_out"].of(data.test, 300, 0, exact=exact)
        found = source.gather(index).inputs
        assert found[..., 0, :].unique().tolist() == pytest.approx([outside])


def test_angles_are_drawn_for_each_image_and_grow_with_the_range(data: Data) -> None:
    ids = [str(row) for row in range(400)]
    small, large = (
        DEFORMATIONS["rotation"].matrices(extent, draws_for(ids, "rotation", 0))  # type: ignore[attr-defined]
        for extent in (20.0, 40.0)
    )
    angles = torch.atan2(small[:, 1, 0], small[:, 0, 0]).rad2deg()
    torch.testing.assert_close(torch.atan2(large[:, 1, 0], large[:, 0, 0]).rad2deg(), 2 * angles)
    assert angles.abs().max() <= 20
    assert angles.mean().abs() < 1.5
    assert angles.std().item() == pytest.approx(40 / 12**0.5, rel=0.08)
    whole = DEFORMATIONS["rotation"].of(data.test, 20, 0, exact=False)
    batch, alone = (whole.gather(torch.tensor(rows)).inputs for rows in ([4, 9], [9]))
    assert torch.equal(batch[1], alone[0])
    other = DEFORMATIONS["rotation"].of(data.test, 20, 1, exact=False)
    assert not torch.equal(other.gather(torch.tensor([4, 9])).inputs, batch)


def test_ranges_outside_of_a_kind_are_refused(data: Data) -> None:
    with pytest.raises(SettingError, match="range is 120: expected 1 to 100 percent for zoom_in"):
        DEFORMATIONS["zoom_in"].of(data.test, 120, 0, exact=False)
    with pytest.raises(SettingError, match="expected 0 to 180 degrees"):
        DEFORMATIONS["rotation"].check(-1)


def test_the_stored_images_stay_as_they_are(data: Data) -> None:
    before = cast(TensorSource, data.test).inputs.clone()
    DEFORMATIONS["shear"].of(data.test, 57.3, 0, exact=True).gather(torch.arange(20))
    assert torch.equal(cast(TensorSource, data.test).inputs, before)
