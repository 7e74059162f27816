"""What is customary for each image set: its constants, its augmentation and its size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Profile:
    """The facts of an image set that its loader needs.

    Attributes:
        name: the name in a recipe.
        title: the name in prose, as its authors write it.
        mean: subtracted from each channel, in units of `top`.
        std: divides each channel, in units of `top`.
        crop: customary padding before a random crop, in pixels; 0 for no crop.
        flip: whether left and right are customarily swapped.
        published: images in the published (training, test) parts; None where nothing is published.
        top: the stored value that stands for white.
    """

    name: str
    title: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    crop: int = 0
    flip: bool = False
    published: tuple[int, int] | None = None
    top: int = 255


def _of_255(*values: float) -> tuple[float, ...]:
    return tuple(value / 255 for value in values)


_HALF = (0.5, 0.5, 0.5)

# CIFAR, SVHN and Tiny-ImageNet as the released MixupE and Manifold Mixup code has them; MNIST and
# Fashion-MNIST with the mean and deviation of their training pixels, as is customary.
PROFILES: Mapping[str, Profile] = MappingProxyType(
    {
        profile.name: profile
        for profile in (
            Profile(
                name="cifar10",
                title="CIFAR-10",
                mean=_of_255(125.3, 123.0, 113.9),
                std=_of_255(63.0, 62.1, 66.7),
                crop=2,
                flip=True,
                published=(50_000, 10_000),
            ),
            Profile(
                name="cifar100",
                title="CIFAR-100",
                mean=_of_255(129.3, 124.1, 112.4),
                std=_of_255(68.2, 65.4, 70.4),
                crop=2,
                flip=True,
                published=(50_000, 10_000),
            ),
            Profile(
                name="svhn",
                title="SVHN",
                mean=_HALF,
                std=_HALF,
                crop=2,
                published=(73_257, 26_032),
            ),
            Profile(
                name="mnist",
                title="MNIST",
                mean=(0.1307,),
                std=(0.3081,),
                published=(60_000, 10_000),
            ),
            Profile(
                name="fashion_mnist",
                title="Fashion-MNIST",
                mean=(0.2860,),
                std=(0.3530,),
                published=(60_000, 10_000),
            ),
            Profile(
                name="tiny_imagenet",
                title="Tiny-ImageNet",
                mean=_HALF,
                std=_HALF,
                crop=4,
                flip=True,
                published=(100_000, 10_000),
            ),
            Profile(name="image_folder", title="an image folder", mean=_HALF, std=_HALF),
            Profile(
                name="digits",
                title="the digits of scikit-learn",
                mean=(0.5,),
                std=(0.5,),
                top=16,
            ),
        )
    }
)
