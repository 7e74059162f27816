"""Any folder of pictures: a folder for each part, and in it a folder for each class."""

from __future__ import annotations

from pathlib import Path

import torch

from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import DataError, SettingError
from mixup_multi_adapters.images.data import Options, assemble, refuse_folds
from mixup_multi_adapters.images.pictures import decode, pictures_in
from mixup_multi_adapters.images.profiles import PROFILES
from mixup_multi_adapters.images.release import Part, Release, make_part


def load_image_folder(
    root: Path,
    trial: Trial,
    *,
    path: str,
    size: int,
    validation: float = 0.0,
    train_rows: int | None = None,
    crop: int = 0,
    flip: bool = False,
    fill: int = 0,
) -> Data:
    """Read `path/{train, test or val}/CLASS/picture` as RGB of one size, scaled to [-1, 1].

    With both `test` and `val`, `val` is the validation part; with one of them it is the test
    part. The pictures are decoded once, into the cache.

    Args:
        root: the data root.
        trial: its seed chooses the subset and the validation part.
        path: the folder; below the data root, or absolute.
        size: height and width in pixels; the shorter side is resized to it, the centre cut out.
        validation: share of the training images held out, stratified, in [0, 1).
        train_rows: about so many training images, stratified, validation included; marked.
        crop: pixels of padding on every side before a random crop; 0 for no crop.
        flip: whether every other training image is mirrored.
        fill: the stored value of the padding, 0 (black) to 255.

    Raises:
        DataError: a folder is missing or empty, a picture cannot be read, or the test part has
            a class that is not trained on.
        SettingError: a setting is out of its range.
    """
    profile = PROFILES["image_folder"]
    options = Options(validation, train_rows, crop, flip, fill)
    refuse_folds(profile, trial)
    if size < 1:
        raise SettingError(f"size: {size}; expected at least 1 pixel")
    folder = root / Path(path).expanduser()
    name = f"image_folder ({folder.name})"
    return assemble(name, read_folder(folder, size), profile, trial, options)


def read_folder(folder: Path, size: int) -> Release:
    """Read the parts of `folder`; the classes are the sorted names of the training folders.

    Raises:
        DataError: as for `load_image_folder`.
    """
    for needed in (folder, folder / "train"):
        if not needed.is_dir():
            raise DataError(
                f"image_folder: {needed} is not a folder; expected `path` to name one, below the"
                " data root or absolute, that holds train/CLASS/... and test/CLASS/... (or val)"
            )
    held = [part for part in ("test", "val") if (folder / part).is_dir()]
    if not held:
        raise DataError(f"image_folder: {folder} has neither test nor val beside train")
    classes = tuple(sorted(each.name for each in (folder / "train").iterdir() if each.is_dir()))
    return Release(
        train=_part(folder / "train", "train", classes, size),
        test=_part(folder / held[0], "test", classes, size),
        validation=_part(folder / "val", "val", classes, size) if len(held) == 2 else None,
        classes=classes,
    )


def _part(folder: Path, prefix: str, classes: tuple[str, ...], size: int) -> Part:
    unknown = sorted({each.name for each in folder.iterdir() if each.is_dir()} - set(classes))
    if unknown:
        raise DataError(
            f"image_folder: {folder} has the class {unknown[0]!r}, which train has not;"
            " expected no class beyond those of train"
        )
    found = [
        (file, label)
        for label, name in enumerate(classes)
        if (folder / name).is_dir()
        for file in pictures_in(folder / name)
    ]
    if not found:
        raise DataError(f"image_folder: no pictures in the class folders of {folder}")
    decoded = decode([file for file, _ in found], size)
    labels = torch.tensor([label for _, label in found])
    return make_part(str(folder), prefix, decoded.pixels, labels, classes, decoded.key)
