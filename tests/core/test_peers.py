"""The same draw gives the same batch as torchvision's and timm's transforms."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mixup_multi.mix import Cut, Mix, mix_rows

N, CLASSES = 6, 4
SHAPES = [(8, 8), (8, 12), (7, 10), (5, 3)]


def images(height: int = 8, width: int = 12) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(N, 3, height, width, generator=generator, dtype=torch.float64)


LABELS = torch.tensor([0, 1, 2, 3, 3, 1])
TARGETS = functional.one_hot(LABELS, CLASSES).double()
ROLLED = torch.arange(N).roll(1)
"""torchvision's partners: the row before."""
FLIPPED = torch.arange(N).flip(0)
"""timm's partners: the batch back to front."""


def share(own: float) -> Tensor:
    return torch.tensor([own], dtype=torch.float64)


def centre(row: int, column: int, height: int, width: int) -> Tensor:
    """Return the draw that falls into a pixel."""
    return torch.tensor([[(row + 0.5) / height, (column + 0.5) / width]], dtype=torch.float64)


def close(got: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-6, check_dtype=False)


class Drawn:
    """Stands in for a distribution that drew `value`."""

    def __init__(self, value: float) -> None:
        self.value = value

    def sample(self, shape) -> float:
        return self.value


@pytest.mark.parametrize("own", [0.0, 0.3, 0.9, 1.0])
def test_mixup_is_torchvisions(own):
    from torchvision.transforms import v2

    peer = v2.MixUp(num_classes=CLASSES)
    peer._dist = Drawn(own)
    theirs, labels = peer(images(), LABELS)
    mix = Mix(ROLLED, share(own))
    close(mix_rows(images(), mix), theirs)
    close(mix_rows(TARGETS, mix), labels)


@pytest.mark.parametrize(("height", "width"), SHAPES)
@pytest.mark.parametrize("own", [0.0, 0.2, 0.5, 0.75, 0.97, 1.0])
def test_cutmix_is_torchvisions(own, height, width):
    from torchvision.transforms import v2

    peer, pasted = v2.CutMix(num_classes=CLASSES), 0
    peer._dist = Drawn(own)
    for seed in range(10):
        torch.manual_seed(seed)
        theirs, labels = peer(images(height, width), LABELS)
        torch.manual_seed(seed)
        column, row = torch.randint(width, (1,)).item(), torch.randint(height, (1,)).item()
        mix = Mix(ROLLED, share(own))
        ours, label_mix = Cut()(images(height, width), mix, centre(row, column, height, width))
        assert torch.equal(ours, theirs)
        close(mix_rows(TARGETS, label_mix), labels)
        pasted += int(not torch.equal(ours, images(height, width)))
    # a box with a side of less than two pixels is empty, as halves are rounded down
    assert (pasted > 0) == (min(height, width) * (1 - own) ** 0.5 >= 2)


@pytest.mark.parametrize("own", [0.3, 0.9])
def test_mixup_is_timms(own, monkeypatch):
    from timm.data import Mixup

    peer = Mixup(num_classes=CLASSES, label_smoothing=0)
    monkeypatch.setattr(peer, "_params_per_batch", lambda: (own, False))
    theirs, labels = peer(images(), LABELS)
    mix = Mix(FLIPPED, share(own))
    close(mix_rows(images(), mix), theirs)
    close(mix_rows(TARGETS, mix), labels)


def test_mixup_per_row_is_timms(monkeypatch):
    import numpy as np
    from timm.data import Mixup

    own = np.array([0.1, 0.9, 0.5, 0.3, 1.0, 0.6])
    peer = Mixup(num_classes=CLASSES, label_smoothing=0, mode="elem")
    monkeypatch.setattr(peer, "_params_per_elem", lambda n: (own.copy(), np.zeros(n, bool)))
    theirs, labels = peer(images(), LABELS)
    mix = Mix(FLIPPED, torch.from_numpy(own))
    close(mix_rows(images(), mix), theirs)
    close(mix_rows(TARGETS, mix), labels)


@pytest.mark.parametrize(("row", "column"), [(0, 0), (4, 6), (7, 11), (1, 10)])
@pytest.mark.parametrize("own", [0.75, 0.9375])
def test_cutmix_is_timms_where_the_sides_are_even(own, row, column, monkeypatch):
    """A side of an odd length is one pixel longer in timm than in the paper's code and here."""
    from timm.data import Mixup, mixup

    height, width = 8, 16
    peer = Mixup(num_classes=CLASSES, label_smoothing=0, cutmix_alpha=1.0)
    monkeypatch.setattr(peer, "_params_per_batch", lambda: (own, True))
    drawn = iter([row, column])
    monkeypatch.setattr(mixup.np.random, "randint", lambda *_, **__: next(drawn))
    theirs, labels = peer(images(height, width), LABELS)
    mix = Mix(FLIPPED, share(own))
    ours, label_mix = Cut()(images(height, width), mix, centre(row, column, height, width))
    assert torch.equal(ours, theirs)
    assert not torch.equal(ours, images(height, width))
    close(mix_rows(TARGETS, label_mix), labels)
