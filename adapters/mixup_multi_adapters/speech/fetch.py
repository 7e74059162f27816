"""Downloading a release through torchaudio, so that only a complete one appears in its place."""

from __future__ import annotations

import shutil
import tarfile
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError

from mixup_multi.errors import DataError, OutputError

_FAILURES = (
    URLError,
    HTTPException,
    TimeoutError,
    ConnectionError,
    EOFError,  # an archive that is cut short
    tarfile.TarError,
    RuntimeError,  # a wrong checksum
)


def fetch_release(name: str, version: str, root: Path) -> None:
    """Download and unpack a release below `root`; nothing happens where it is already.

    The archive and what is unpacked of it stay in a hidden folder beside until all is there: a
    half unpacked release would pass for a small one.

    Raises:
        DataError: the download failed, or is not what torchaudio's checksum names.
        OutputError: `root` cannot be written.
    """
    place = Path(root) / "SpeechCommands" / f"speech_commands_v{version}"
    if place.is_dir():
        return
    partial = Path(root) / "SpeechCommands" / f".{name}.partial"
    unpacked = partial / "SpeechCommands" / place.name
    try:
        shutil.rmtree(unpacked, ignore_errors=True)
        partial.mkdir(parents=True, exist_ok=True)
        _download(name, version, partial)
        unpacked.rename(place)
        shutil.rmtree(partial)
    except OSError as error:
        raise OutputError(
            f"{name}: {root} cannot be written ({error.strerror or error});"
            " point --data (or MIXUP_MULTI_DATA) at a folder that can"
        ) from error


def _download(name: str, version: str, folder: Path) -> None:
    """Let torchaudio download (or find) the archive in `folder`, check and unpack it."""
    from torchaudio.datasets import SPEECHCOMMANDS

    try:
        SPEECHCOMMANDS(folder, url=f"speech_commands_v{version}", download=True)
    except _FAILURES as error:
        raise DataError(
            f"{name}: the download failed ({error}). Is there a network? Try again, or put the"
            f" archive speech_commands_v{version}.tar.gz into {folder}; remove a damaged one."
        ) from error
