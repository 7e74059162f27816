"""From a release to a `Data`: subsets, validation, augmentation, ids and the content key."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import torch
from torch import Tensor

from mixup_multi.engine.cache import content_key
from mixup_multi.engine.shift import Shift, Shifts
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.engine.splits import check_all_classes, stratified_parts
from mixup_multi.errors import SettingError
from mixup_multi_adapters.images.augment import CropFlip, Normalise
from mixup_multi_adapters.images.corruptions import made_corruptions
from mixup_multi_adapters.images.corruptions.published import published_corruptions
from mixup_multi_adapters.images.deformations import DEFORMATIONS
from mixup_multi_adapters.images.profiles import Profile
from mixup_multi_adapters.images.release import Part, Release, check_whole

Reader: TypeAlias = Callable[[Profile, Path, bool], Release]
"""`read(profile, folder, partial)`: the release below `folder`; `partial` skips the checksums."""


@dataclass(frozen=True)
class Options:
    """The settings that every image set has; each loader documents them.

    Raises:
        SettingError: a value is out of its range.
    """

    validation: float
    train_rows: int | None
    crop: int
    flip: bool
    fill: int

    def __post_init__(self) -> None:
        rows = self.train_rows
        for name, value, good, expected in (
            ("validation", self.validation, 0 <= self.validation < 1, "a share in [0, 1)"),
            ("train_rows", rows, rows is None or rows >= 1, "at least 1, or null for all"),
            ("crop", self.crop, self.crop >= 0, "pixels of padding, 0 for no crop"),
            ("fill", self.fill, 0 <= self.fill <= 255, "a stored pixel value, 0 to 255"),
        ):
            if not good:
                raise SettingError(f"{name}: {value}; expected {expected}")


def official(profile: Profile, read: Reader, below: str = "") -> Callable[..., Data]:
    """Return the loader of a set that is published in a training and a test part.

    Args:
        profile: of the data set; its crop and flip are the loader's defaults.
        read: reads the release.
        below: the folder below the data root that `read` is given.
    """

    def load(
        root: Path,
        trial: Trial,
        *,
        folder: str | None = None,
        partial: bool = False,
        validation: float = 0.0,
        train_rows: int | None = None,
        crop: int = profile.crop,
        flip: bool = profile.flip,
        fill: int = 0,
    ) -> Data:
        """Read the published training and test parts.

        Args:
            root: the data root.
            trial: its seed chooses the subset and the validation part.
            folder: the folder that holds the release in place of the data root's; below the data
                root, or absolute.
            partial: read a shortened release, whose checksums and counts are not the published
                ones; its results are marked. A whole release is read as ever, unmarked.
            validation: share of the training images held out, stratified, in [0, 1).
            train_rows: about so many training images (whole rows a class, at least one each),
                validation included, for quick runs; marked. None for all.
            crop: pixels of padding on every side before a random crop to the image's own size;
                0 for no crop.
            flip: whether every other training image is mirrored.
            fill: the stored value of the padding, 0 (black) to 255.

        Raises:
            DataError: the release is missing, corrupt, or shortened without `partial`.
            SettingError: a setting is out of its range.
        """
        options = Options(validation, train_rows, crop, flip, fill)
        refuse_folds(profile, trial)
        where = root / (below if folder is None else Path(folder).expanduser())
        release = check_whole(profile, read(profile, where, partial), partial)
        name = f"{profile.name} (partial)" if release.partial else profile.name
        published = published_corruptions(profile.name, root, release.classes)
        return assemble(name, release, profile, trial, options, published)

    return load


def refuse_folds(profile: Profile, trial: Trial) -> None:
    """Raise `SettingError` where cross-validation is asked of a set that has its own test part."""
    if trial.fold is not None:
        raise SettingError(
            f"{profile.name} has a test part of its own and is not cross-validated;"
            " remove the folds and use trials"
        )


def assemble(
    name: str,
    release: Release,
    profile: Profile,
    trial: Trial,
    options: Options,
    published: Mapping[str, Shift] | None = None,
) -> Data:
    """Return the data of a trial: `release`, with what the options hold out and augment.

    Args:
        name: of the data.
        release: what was read.
        profile: the set's constants.
        trial: its seed chooses what is held out.
        options: what is held out and augmented.
        published: the corruptions that are published for the set.

    Raises:
        SettingError: more training rows are asked for than there are, or a second validation part.
        DataError: a class has no training image.
    """
    train, validation, notes = _held_out(name, release, trial, options)
    check_all_classes(name, train.labels.numpy(), release.classes)
    prepare = Normalise(profile.mean, profile.std, profile.top)
    augment = (
        CropFlip(options.crop, options.flip, options.fill) if options.crop or options.flip else None
    )
    bounds = prepare.bounds(tuple(train.pixels.shape[1:]))
    parts = (train, release.test) if validation is None else (train, release.test, validation)

    def source(part: Part, augment: CropFlip | None = None) -> TensorSource:
        classes = len(release.classes)
        return TensorSource(part.pixels, part.labels, classes, part.ids, prepare, augment, bounds)

    return Data(
        name=name,
        train=source(train, augment),
        test=source(release.test),
        validation=None if validation is None else source(validation),
        classes=release.classes,
        key=content_key(*(part.key for part in parts), "\n".join(release.classes), repr(prepare)),
        notes=(*release.notes, *notes),
        shifts=Shifts(
            made=made_corruptions(release.test.pixels.shape[1], profile.top),
            published=published or {},
            deformations=DEFORMATIONS,
        ),
    )


def _held_out(
    name: str, release: Release, trial: Trial, options: Options
) -> tuple[Part, Part | None, tuple[str, ...]]:
    """Return training, validation and notes: first the subset, then what is held out of it."""
    train, notes = release.train, []
    if options.train_rows is not None and options.train_rows != len(train):
        if options.train_rows > len(train):
            raise SettingError(
                f"train_rows: {options.train_rows}; expected at most {len(train)}, the training"
                f" images of {name}, or null for all"
            )
        kept, _ = _divide(train, options.train_rows / len(train), trial)
        notes.append(f"subset: {len(kept):,} of {len(train):,} training images")
        train = train.take(kept)
    if not options.validation:
        return train, release.validation, tuple(notes)
    if release.validation is not None:
        raise SettingError(
            f"validation: {options.validation}; {name} comes with a validation part: expected 0.0"
        )
    kept, held = _divide(train, 1 - options.validation, trial)
    if not len(held):
        raise SettingError(
            f"validation: {options.validation} of {len(train)} training images of {name} is none;"
            " expected a larger share, or 0.0"
        )
    notes.append(f"{len(held):,} of {len(train):,} training images held out for validation")
    return train.take(kept), train.take(held), tuple(notes)


def _divide(part: Part, share: float, trial: Trial) -> tuple[Tensor, Tensor]:
    """Return the rows of a stratified share and the other rows, by the trial's seed."""
    first, rest = stratified_parts(part.labels.numpy(), (share, 1 - share), trial.seed)
    return torch.from_numpy(first), torch.from_numpy(rest)
