"""Mixing a batch and its labels: ours against torchvision v2, timm and kornia.

First what the objectives do, then `mixup_multi.integrations.timm.Mixup` against timm's of the same
settings, in each of its modes. All are given the same images and integer labels and return mixed
images and soft labels, with one Beta(1, 1) share a batch (of the modes: Beta(0.8, 0.8) or CutMix,
half and half). Ours draws from its own generator (a random permutation of partners,
a float64 share), leaves the batch as it was, and makes the labels' one-hot rows anew each time;
torchvision rolls the batch by one row; timm reverses it and works in place; kornia draws
permutations and a share for each row, and its labels are left as pairs with their shares.

Floor: no slower than any (ours / theirs at most 1).

    python benchmarks/mix_batch.py [--rounds 15] [--threads 2]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import kornia.augmentation as kornia
import torch
from _timing import Row, machine, print_rows, race
from timm.data.mixup import Mixup as TimmMixup
from torch import Tensor
from torchvision.transforms import v2

from mixup_multi import BetaShare, Cut, Linear, Vicinal
from mixup_multi.batch import as_targets
from mixup_multi.integrations.timm import Mixup
from mixup_multi.mix import Blend, mix_rows

SHAPES = ((128, 3, 32, 32), (100, 1, 160, 101))
CLASSES = (10, 100)
SEED = 0
DATA_KEYS = ["input", "class"]

Mixer = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]


def ours(blend: Blend, classes: int) -> Mixer:
    """Return what the objectives do to a batch, from drawing to mixed labels."""
    objective = Vicinal(BetaShare(1.0), blend=blend)
    generator = torch.Generator().manual_seed(SEED)

    def mix(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        targets = as_targets(labels, classes)
        draw = objective.draw(targets, generator)
        mixed, label_mix = blend(images, draw.mix, draw.blend)
        return mixed, mix_rows(targets, label_mix)

    return mix


def mixers(kind: str, classes: int) -> dict[str, Mixer]:
    """Return the contenders of one kind, ours first."""
    if kind == "mixup":
        timm = TimmMixup(mixup_alpha=1.0, label_smoothing=0.0, num_classes=classes)
        return {
            "ours": ours(Linear(), classes),
            "torchvision": v2.MixUp(alpha=1.0, num_classes=classes),
            "timm (in place)": timm,
            "kornia": kornia.RandomMixUpV2(lambda_val=(0.0, 1.0), p=1.0, data_keys=DATA_KEYS),
        }
    timm = TimmMixup(0.0, cutmix_alpha=1.0, label_smoothing=0.0, num_classes=classes)
    return {
        "ours": ours(Cut(), classes),
        "torchvision": v2.CutMix(alpha=1.0, num_classes=classes),
        "timm (in place)": timm,
        "kornia": kornia.RandomCutMixV2(p=1.0, use_correct_lambda=True, data_keys=DATA_KEYS),
    }


DROP_INS = {
    "timm's batch": {"mode": "batch"},
    "timm's pair": {"mode": "pair"},
    "timm's elem": {"mode": "elem"},
}


def drop_ins(kind: str, classes: int) -> dict[str, Mixer]:
    """Return timm's own `Mixup` and ours, with both of its blends in use."""
    settings = {"mixup_alpha": 0.8, "cutmix_alpha": 1.0, "num_classes": classes, **DROP_INS[kind]}
    return {"ours": Mixup(**settings), "timm (in place)": TimmMixup(**settings)}


def compare(kind: str, shape: tuple[int, ...], classes: int, rounds: int) -> list[Row]:
    """Return a row for each rival."""
    generator = torch.Generator().manual_seed(SEED)
    images = torch.randn(shape, generator=generator)
    labels = torch.randint(classes, shape[:1], generator=generator)

    def call(mix: Mixer, own: Tensor) -> Callable[[], object]:
        return lambda: mix(own, labels)

    rivals = drop_ins if kind in DROP_INS else mixers
    seconds = race(
        {name: call(mix, images.clone()) for name, mix in rivals(kind, classes).items()},
        rounds,
        warm_up=20,
        least_seconds=0.05,
    )
    case = f"{kind} {'x'.join(map(str, shape))}, {classes} classes, {{}}"
    return [
        Row(case.format(name), seconds["ours"], theirs, at_most=1.0)
        for name, theirs in seconds.items()
        if name != "ours"
    ]


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    rows = [
        row
        for kind in ("mixup", "cutmix", *DROP_INS)
        for shape in SHAPES
        for classes in CLASSES
        for row in compare(kind, shape, classes, options.rounds)
    ]
    print_rows(f"mix + labels of a batch ({machine()})", rows)


if __name__ == "__main__":
    main()
