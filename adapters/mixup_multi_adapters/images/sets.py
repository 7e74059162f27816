"""The image sets by name: how each is read, fetched and where it lies below the data root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from mixup_multi.engine.source import Dataset
from mixup_multi_adapters.images.cifar import read_cifar10, read_cifar100
from mixup_multi_adapters.images.data import Reader, official
from mixup_multi_adapters.images.digits import load_digits_images
from mixup_multi_adapters.images.files import SIZES, fetching
from mixup_multi_adapters.images.image_folder import load_image_folder
from mixup_multi_adapters.images.mnist import read_fashion_mnist, read_mnist
from mixup_multi_adapters.images.profiles import PROFILES
from mixup_multi_adapters.images.svhn import download_svhn, read_svhn
from mixup_multi_adapters.images.tiny_imagenet import (
    FOLDER,
    download_tiny_imagenet,
    read_tiny_imagenet,
)


def _torchvision(kind: str) -> Callable[[Path], object]:
    """Return a download by one of torchvision's classes, straight below the data root."""

    def download(root: Path) -> None:
        from torchvision import datasets

        getattr(datasets, kind)(root, download=True)

    return download


def _published(
    name: str,
    summary: str,
    read: Reader,
    download: Callable[[Path], object],
    folder: str,
    below: str = "",
) -> Dataset:
    profile = PROFILES[name]
    return Dataset(
        summary=f"{profile.title}: {summary}",
        load=official(profile, read, below),
        fetch=fetching(profile, download),
        folder=folder,
        size=SIZES[name],
    )


DATASETS: Mapping[str, Dataset] = MappingProxyType(
    {
        "cifar10": _published(
            "cifar10",
            "50,000 + 10,000 photographs of 10 classes, 3 x 32 x 32",
            read_cifar10,
            _torchvision("CIFAR10"),
            "cifar-10-batches-py",
        ),
        "cifar100": _published(
            "cifar100",
            "50,000 + 10,000 photographs of 100 classes, 3 x 32 x 32",
            read_cifar100,
            _torchvision("CIFAR100"),
            "cifar-100-python",
        ),
        "svhn": _published(
            "svhn",
            "73,257 + 26,032 house numbers' digits (no extra part), 3 x 32 x 32",
            read_svhn,
            download_svhn,
            "svhn",
            below="svhn",
        ),
        "mnist": _published(
            "mnist",
            "60,000 + 10,000 handwritten digits, 1 x 28 x 28",
            read_mnist,
            _torchvision("MNIST"),
            "MNIST",
        ),
        "fashion_mnist": _published(
            "fashion_mnist",
            "60,000 + 10,000 pictures of clothes, 1 x 28 x 28",
            read_fashion_mnist,
            _torchvision("FashionMNIST"),
            "FashionMNIST",
        ),
        "tiny_imagenet": _published(
            "tiny_imagenet",
            "100,000 photographs of 200 classes, 3 x 64 x 64; its 10,000 of val are the test part",
            read_tiny_imagenet,
            download_tiny_imagenet,
            FOLDER,
        ),
        "image_folder": Dataset(
            summary="any folder of pictures: train/CLASS/... and test/CLASS/... (or val)",
            load=load_image_folder,
            size="your own",
        ),
        "digits": Dataset(
            summary="1,797 real handwritten digits of scikit-learn, 1 x 8 x 8; no download",
            load=load_digits_images,
        ),
    }
)
