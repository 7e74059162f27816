"""The corruptions that are published: CIFAR-10-C, CIFAR-100-C and Tiny-ImageNet-C."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mixup_multi.engine.shift import Shift
from mixup_multi_adapters.images.corruptions.archive import Archive
from mixup_multi_adapters.images.corruptions.arrays import ArrayCorruption
from mixup_multi_adapters.images.corruptions.folders import FolderCorruption
from mixup_multi_adapters.images.corruptions.made import EXTRA, STANDARD


def _archives(root: Path) -> Mapping[str, Archive]:
    return {
        "cifar10": Archive("CIFAR-10-C", root, 2535967, "2.9 GB"),
        "cifar100": Archive("CIFAR-100-C", root, 3555552, "2.9 GB"),
        "tiny_imagenet": Archive("Tiny-ImageNet-C", root, 2536630, "2.9 GB"),
    }


def published_corruptions(
    data_set: str, root: Path, classes: tuple[str, ...]
) -> Mapping[str, Shift]:
    """Return the published corruptions of a data set, whether or not their files are there.

    Args:
        data_set: its name in recipes.
        root: the data root, below which `CIFAR-10-C` or its like lies.
        classes: the classes' names.
    """
    archive = _archives(root).get(data_set)
    if archive is None:
        return MappingProxyType({})
    found: dict[str, Shift] = {}
    for table, standard in ((STANDARD, True), (EXTRA, False)):
        for name in table:
            if data_set == "tiny_imagenet":
                found[name] = FolderCorruption(archive, name, classes, standard)
            else:
                found[name] = ArrayCorruption(archive, name, standard)
    return MappingProxyType(found)
