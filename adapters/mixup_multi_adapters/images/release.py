"""What a reader returns: pixels and labels as they were published, and whether they are whole."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mixup_multi.engine.cache import content_key
from mixup_multi.errors import DataError
from mixup_multi_adapters.images.profiles import Profile


@dataclass(frozen=True)
class Part:
    """The images of one part of a data set.

    Attributes:
        pixels: `(N, c, h, w)` uint8, in memory or memory-mapped.
        labels: `(N,)` int64 class indices.
        ids: one name an image, e.g. "train/00017": the published part and the row in it.
        key: names the content of the pixels and labels.
    """

    pixels: Tensor
    labels: Tensor
    ids: tuple[str, ...]
    key: str

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor) -> Part:
        """Return the images at `rows` `(n,)`, copied into memory."""
        ids = tuple(self.ids[row] for row in rows.tolist())
        return Part(self.pixels[rows], self.labels[rows], ids, content_key(self.key, rows))


@dataclass(frozen=True)
class Release:
    """A data set as it lies on the disk.

    Attributes:
        train: what is learnt from, before anything is held out.
        test: what the error is reported on.
        classes: the classes' names in the order of the labels.
        validation: a part that comes with the data; None where there is none.
        partial: whether images of the published release are absent.
        notes: what a reader of a result has to know.
    """

    train: Part
    test: Part
    classes: tuple[str, ...]
    validation: Part | None = None
    partial: bool = False
    notes: tuple[str, ...] = ()


def make_part(
    where: str,
    prefix: str,
    pixels: Tensor,
    labels: Tensor,
    classes: Sequence[str],
    key: str | None = None,
) -> Part:
    """Return a `Part`, after a look at whether pixels and labels fit each other.

    Args:
        where: the file or folder, for messages.
        prefix: begins each id, e.g. "train".
        pixels: `(N, c, h, w)` uint8.
        labels: `(N,)` class indices.
        classes: the classes' names.
        key: names the pixels' content where that is known; else they are hashed.

    Raises:
        DataError: there are no images, not as many labels as images, or a label of no class.
    """
    if pixels.dim() != 4 or len(pixels) == 0 or pixels.dtype != torch.uint8:
        raise DataError(
            f"{where}: found {pixels.dtype} values of shape {tuple(pixels.shape)};"
            " expected at least one image, uint8 of shape (N, channels, height, width)"
        )
    if len(pixels) != len(labels):
        raise DataError(
            f"{where}: {len(pixels):,} images but {len(labels):,} labels; expected one label an"
            " image. The files are not of one release, or one of them is cut short."
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= len(classes):
        raise DataError(
            f"{where}: labels from {low} to {high}; expected 0 to {len(classes) - 1}"
            f" for {len(classes)} classes"
        )
    labels = labels.long()
    ids = tuple(f"{prefix}/{row:05d}" for row in range(len(labels)))
    return Part(pixels, labels, ids, content_key(pixels if key is None else key, labels))


def not_as_published(profile: Profile, what: str) -> DataError:
    """Return the error for files that are not the published ones, with the two ways out."""
    return DataError(
        f"{profile.name}: {what}. Remove the data and run: mixup-multi data fetch {profile.name}."
        " Or, to try things out on a release that was shortened on purpose, set `partial: true`:"
        f" what comes out is then marked and is no {profile.title} result."
    )


def absent_images(profile: Profile, train: int, test: int, partial: bool) -> str | None:
    """Return what a result has to be marked with where images are absent; None where none is.

    Args:
        profile: of the data set.
        train: training images that are here.
        test: test images that are here.
        partial: whether the user has opted in to a shortened release.

    Raises:
        DataError: images are absent and the user has not opted in.
    """
    if profile.published is None or (train, test) == profile.published:
        return None
    counts = (
        f"{train:,} of {profile.published[0]:,} training and"
        f" {test:,} of {profile.published[1]:,} test images"
    )
    if not partial:
        raise not_as_published(profile, f"{counts} are here")
    return f"partial: {counts}; not {profile.title} results"


def check_whole(profile: Profile, release: Release, partial: bool) -> Release:
    """Return `release`, marked where images of the published one are absent.

    Raises:
        DataError: as for `absent_images`.
    """
    note = absent_images(profile, len(release.train), len(release.test), partial)
    if note is None:
        return release
    return replace(release, partial=True, notes=(*release.notes, note))
