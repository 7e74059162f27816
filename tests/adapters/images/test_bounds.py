"""What a legal image is, in what the model reads, and that attacks within it are felt."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from attacked_data import errors, trained

from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.engine.source import Data, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.augment import Normalise


@pytest.fixture(scope="module")
def digits() -> Data:
    return ImageAdapter.datasets["digits"].load(Path("none"), Trial())


def model(data: Data):
    return ImageAdapter.models["small_cnn"](data, width=8)


@pytest.mark.parametrize("top", [16, 255])
def test_black_and_white_are_the_ends_bit_for_bit(top: int) -> None:
    prepare = Normalise((0.1, 0.5, 0.9), (0.2, 0.25, 0.3), top)
    bounds = prepare.bounds((3, 4, 5))
    stored = torch.tensor([0, top], dtype=torch.uint8).view(2, 1, 1, 1).expand(2, 3, 4, 5)
    black, white = prepare(stored)
    assert torch.equal(bounds.low.expand(3, 4, 5), black)
    assert torch.equal(bounds.high.expand(3, 4, 5), white)
    # A size of 8/255 of the range is 8 steps of an 8-bit pixel.
    steps = prepare(torch.full((1, 3, 4, 5), 1, dtype=torch.uint8))[0] - black
    torch.testing.assert_close(bounds.unit.expand(3, 4, 5) / top, steps)
    assert bounds.largest == 1.0
    assert bounds.diameter == pytest.approx(60**0.5)
    assert bounds.words == "pixels in [0, 1]"


def test_every_part_has_the_same_bounds(digits: Data) -> None:
    bounds = Training(digits).bounds()
    assert bounds is digits.train.bounds is digits.test.bounds
    assert (float(bounds.low), float(bounds.high)) == (-1.0, 1.0)
    assert float(bounds.unit) == 2.0


def test_attacks_on_digits_are_legal_and_felt(digits: Data) -> None:
    net = trained(digits, lambda: model(digits))
    clean, fast = errors(digits, net, fgsm(eps=0.2))
    _, slow = errors(digits, net, pgd(eps=0.2, step=0.05))
    _, short = errors(digits, net, pgd(eps=2.0, step=0.5, norm="l2"))
    assert clean < 15
    assert fast > clean + 20
    assert slow >= fast
    assert short > clean + 20
    with pytest.raises(SettingError, match=r"eps is 8: expected at most 1, .* write 8/255"):
        pgd(eps=8).check(net, Training(digits).bounds())
    with pytest.raises(SettingError, match="eps is 8.5: expected at most 8, from corner to corner"):
        pgd(eps=8.5, norm="l2").check(net, Training(digits).bounds())


def test_bounds_of_cifar_are_those_of_its_channels(real_cifar10: Path) -> None:
    data = ImageAdapter.datasets["cifar10"].load(
        real_cifar10, Trial(), folder="cifar10-first-rows", partial=True
    )
    bounds = Training(data).bounds()
    inputs = data.train.gather(torch.arange(500), torch.Generator().manual_seed(0)).inputs
    assert ((inputs >= bounds.low) & (inputs <= bounds.high)).all()
    assert torch.equal(inputs.amax((0, 2, 3)), bounds.high.flatten())  # some pixel is white
    expected = torch.tensor([255 / 63.0, 255 / 62.1, 255 / 66.7])
    torch.testing.assert_close(bounds.unit.flatten(), expected)
    torch.testing.assert_close((bounds.high - bounds.low).flatten(), expected)
    assert bounds.diameter == pytest.approx(3072**0.5)
