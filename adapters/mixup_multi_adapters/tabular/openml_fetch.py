"""Downloading OpenML tables with the openml library, beside what is there and never over it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mixup_multi.errors import DataError, OutputError, SettingError

from .openml_local import FOLDER, SERVER, find_by_name, folder_of, is_complete

TRIES = 2
"""The library's default of 5 keeps a user without network waiting for half a minute."""


def fetch_table(root: Path, id: int) -> None:
    """Download the OpenML table `id` into the data root, unless it is there.

    Raises:
        DataError: there is no network, or OpenML does not hand the table out.
        OutputError: the data root cannot be written.
    """
    if not is_complete(folder_of(root, id)):
        _download(root, id)


def fetch_any(root: Path, *, id: int | None = None, table: str | None = None) -> None:
    """Download one OpenML table by number or by name (the oldest active one of that name).

    Raises:
        SettingError: not exactly one of `id` and `table` is given.
        DataError: there is no network, or OpenML has no such table.
        OutputError: the data root cannot be written.
    """
    check_one(id, table)
    if id is not None:
        fetch_table(root, id)
    elif table is not None and find_by_name(root, table) is None:
        _download(root, table)


def check_one(id: int | None, table: str | None) -> None:
    """Raise `SettingError` unless exactly one of a table's number and its name is given."""
    if (id is None) == (table is None):
        given = "both" if id is not None else "neither"
        raise SettingError(
            "openml: expected a table's id (such as id: 61) or its name (such as table: iris),"
            f" got {given}"
        )


def _download(root: Path, table: int | str) -> None:
    """Let the library fill an empty folder, for it clears what it cannot complete; then move."""
    try:
        (root / FOLDER).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".incoming-", dir=root / FOLDER) as incoming:
            arrived = _with_library(root, Path(incoming), table)
            folder = folder_of(root, int(arrived.name))
            folder.mkdir(parents=True, exist_ok=True)
            for file in arrived.iterdir():
                file.replace(folder / file.name)
    except OSError as error:
        raise OutputError(
            f"{root / FOLDER} cannot be written ({error.strerror or error});"
            " choose another data root with --data or MIXUP_MULTI_DATA"
        ) from error


def _with_library(root: Path, cache: Path, table: int | str) -> Path:
    """Return the folder, named by the table's id, that the library has filled below `cache`."""
    import minio.error
    import openml
    import requests
    import urllib3

    network = (
        requests.RequestException,
        urllib3.exceptions.HTTPError,
        ConnectionError,
        TimeoutError,
    )
    refusal = (openml.exceptions.PyOpenMLError, minio.error.MinioException, RuntimeError)
    try:
        with _library_cache(cache):
            dataset = openml.datasets.get_dataset(
                table,
                download_data=True,
                download_qualities=False,
                download_features_meta_data=False,
            )
            return Path(openml.config.get_cache_directory(), "datasets", str(dataset.dataset_id))
    except network as error:
        raise DataError(
            f"OpenML table {table}: openml.org cannot be reached ({type(error).__name__})."
            " Check the network, or copy the table's folder from another machine to"
            f" {root / FOLDER / SERVER}."
        ) from None
    except refusal as error:
        raise DataError(f"OpenML table {table}: openml.org answers: {error}") from None


@contextmanager
def _library_cache(folder: Path) -> Iterator[None]:
    """Point the library's global settings at `folder`, and back."""
    import openml

    before = openml.config.get_config_as_dict()
    openml.config.set_root_cache_directory(folder)
    openml.config.set_retry_policy(before["retry_policy"], TRIES)
    try:
        yield
    finally:
        openml.config.set_root_cache_directory(before["cachedir"])
        openml.config.set_retry_policy(before["retry_policy"], before["connection_n_retries"])
