"""Whether the files of a release are there, and are the published ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path

from mixup_multi.engine.source import missing
from mixup_multi.errors import DataError
from mixup_multi_adapters.images.profiles import Profile
from mixup_multi_adapters.images.release import not_as_published

SIZES: Mapping[str, str] = {
    "cifar10": "170 MB",
    "cifar100": "169 MB",
    "svhn": "246 MB",
    "mnist": "12 MB",
    "fashion_mnist": "31 MB",
    "tiny_imagenet": "248 MB",
}
"""What each download weighs."""


def check_folder(profile: Profile, folder: Path) -> None:
    """Raise `DataError` where a release's folder is not there, saying how to get it."""
    if not folder.is_dir():
        raise missing(profile.name, folder, SIZES[profile.name])


def check_files(
    profile: Profile, folder: Path, published: Mapping[str, str | None], partial: bool
) -> None:
    """Check that a release's files are there and have their published MD5.

    Args:
        profile: of the data set.
        folder: that holds the files.
        published: the MD5 of each file, by name; None where none is published.
        partial: leaves the MD5s unchecked.

    Raises:
        DataError: the folder or a file is missing; or files are not the published ones.
    """
    from torchvision.datasets.utils import check_integrity

    check_folder(profile, folder)
    absent = [name for name in published if not (folder / name).is_file()]
    if len(absent) == len(published):
        raise missing(profile.name, folder, SIZES[profile.name])
    if absent:
        raise not_as_published(profile, f"{folder} lacks {', '.join(absent)}")
    if partial:
        return
    changed = [name for name, md5 in published.items() if not check_integrity(folder / name, md5)]
    if changed:
        raise not_as_published(
            profile,
            f"in {folder} the MD5 of {', '.join(changed)} is not the published one:"
            " shortened, or corrupt",
        )


def fetching(profile: Profile, download: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return a `fetch(root)` that turns a failed download into a message."""

    def fetch(root: Path) -> None:
        """Download the data set below the data root.

        Raises:
            DataError: the network, or the folder, does not allow it.
        """
        try:
            root.mkdir(parents=True, exist_ok=True)
            download(root)
        except (OSError, RuntimeError, EOFError, HTTPException) as error:
            reason = " ".join(str(error).split())  # torchvision lists its mirrors on lines
            raise DataError(
                f"{profile.name}: the download ({SIZES[profile.name]}) into {root} failed:"
                f" {reason}. Expected a network and a folder that can be written; mend it and run"
                f" the command again, or bring the files there from another machine."
            ) from error

    return fetch
