"""Adversarial training does what it is for: on MNIST, fewer errors under PGD than without it."""

from __future__ import annotations

from pathlib import Path

import torch
from attacked_data import errors, trained

from mixup_multi.attacks.presets import fgsm, pgd
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.objectives.presets.adversarial import adversarial
from mixup_multi_adapters.images import ImageAdapter
from mixup_multi_adapters.images.augment import Normalise
from mixup_multi_adapters.tabular.data import DATASETS

EPS = 0.2


def mnist(root: Path, rows: int, tested: int) -> Data:
    """Return the first rows of both published parts as images."""
    table = DATASETS["mnist_784"].load(root, Trial(), split="published", scale="none")
    prepare = Normalise((0.1307,), (0.3081,))

    def part(source: TensorSource, rows: int) -> TensorSource:
        pixels = source.inputs[:rows].to(torch.uint8).view(-1, 1, 28, 28)
        bounds = prepare.bounds((1, 28, 28))
        return TensorSource(
            pixels, source.labels[:rows], 10, source.ids[:rows], prepare, bounds=bounds
        )

    return Data("mnist", part(table.train, rows), part(table.test, tested), None, table.classes, "")


def test_at_has_fewer_errors_under_pgd_than_plain_training(real_openml: Path) -> None:
    data = mnist(real_openml, 1_500, 300)
    attack = pgd(eps=EPS, step=0.1, steps=3)
    nets = [
        trained(data, lambda: ImageAdapter.models["small_cnn"](data, width=4), method)
        for method in (None, adversarial(attack=attack))
    ]
    tests = (pgd(eps=0.0), fgsm(eps=EPS), pgd(eps=EPS, step=0.05, steps=10))
    plain, hardened = ([errors(data, net, one, 300)[1] for one in tests] for net in nets)
    assert plain[2] >= plain[1] > plain[0]
    assert hardened[2] >= hardened[1] > hardened[0]
    assert hardened[1] < plain[1] - 15
    assert hardened[2] < plain[2] - 15
    assert plain[0] < 40
