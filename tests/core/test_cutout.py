"""Cutout against the released code, written down here, and by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix import Cut, Mix
from mixup_multi.objectives import ERM, Cutout, Draw, Vicinal
from mixup_multi.streams import stream

N, H, W = 6, 9, 12


def images() -> Batch:
    inputs = torch.rand(N, 2, H, W, generator=stream(0, "mix")) + 1
    return Batch(inputs, as_targets(torch.arange(N) % 3, 3))


def changed(method: Cutout, draw: Draw) -> torch.Tensor:
    return method.change(nn.Identity(), images(), draw)[1].inputs


def released_mask(y: int, x: int, length: int) -> np.ndarray:
    """The released code (uoguelph-mlrg/Cutout, util/cutout.py) at one centre."""
    mask = np.ones((H, W), np.float32)
    y1, y2 = np.clip([y - length // 2, y + length // 2], 0, H)
    x1, x2 = np.clip([x - length // 2, x + length // 2], 0, W)
    mask[y1:y2, x1:x2] = 0
    return mask


@pytest.mark.parametrize("size", [0, 2, 4, 8, 40])
def test_an_even_square_is_the_released_codes_at_every_centre(size):
    for y in range(H):
        for x in range(W):
            centre = torch.tensor([[(y + 0.5) / H, (x + 0.5) / W]], dtype=torch.float64)
            blank = changed(Cutout(size=size), Draw(Mix.identity(N), blend=centre))
            expected = images().inputs * torch.from_numpy(released_mask(y, x, size))
            assert torch.equal(blank, expected)


@pytest.mark.parametrize("size", [1, 3, 5])
def test_an_odd_square_has_its_whole_side(size):
    centre = torch.full((1, 2), 0.5, dtype=torch.float64)
    blank = changed(Cutout(size=size), Draw(Mix.identity(N), blend=centre)) == 0
    assert blank.sum((2, 3)).unique().tolist() == [size * size]


def test_centres_are_uniform_over_pixels_and_rows_have_their_own():
    method, counts = Cutout(size=1), torch.zeros(H, W)
    generator = stream(0, "mix")
    for _ in range(300):
        draw = method.draw(images().targets, generator)
        counts += (changed(method, draw)[:, 0] == 0).sum(0)
    expected = 300 * N / (H * W)
    assert counts.sum() == 300 * N
    assert (counts - expected).abs().max() < 5 * expected**0.5
    assert len(draw.blend.unique(dim=0)) == N
    assert Cutout(per="batch").draw(images().targets, generator).blend.shape == (1, 2)


def test_labels_and_the_batch_stay_and_the_fill_is_what_was_asked_for():
    data = images()
    before = data.inputs.clone()
    method = Cutout(size=4, fill=-2.5)
    _, filled = method.change(nn.Identity(), data, method.draw(data.targets, stream(0, "mix")))
    assert torch.equal(data.inputs, before)
    assert filled.targets is data.targets
    assert set(filled.inputs[filled.inputs != before].tolist()) == {-2.5}


def test_it_is_its_inner_method_on_the_blanked_images():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Flatten(), nn.Linear(2 * H * W, 3))
    for inner in (ERM(), Vicinal(blend=Cut())):
        method = Cutout(inner, size=5)
        draw = method.draw(images().targets, stream(2, "mix"))
        blank = Batch(changed(method, draw), images().targets)
        expected = inner.loss(net, blank, draw.inner[0])
        assert torch.equal(method.loss(net, images(), draw).total, expected.total)


def test_a_table_and_a_negative_side_are_refused():
    with pytest.raises(PointError, match=r"cutout was asked for where \(2, 3\) flows"):
        Cutout()(nn.Linear(3, 2), Batch(torch.ones(2, 3), torch.ones(2, 2)), stream(0, "mix"))
    with pytest.raises(SettingError, match="size is -1"):
        Cutout(size=-1)
