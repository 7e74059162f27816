"""OpenML tables on disk: the openml library's cache layout, read without that library.

`openml.datasets.get_dataset` deletes a data set's whole folder when a part of it is missing and
cannot be downloaded, and its `get_data` writes pickles beside the data. So the user's folder is
read here, by opening files and nothing else; the library serves `data fetch` alone.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from mixup_multi.errors import DataError, SettingError

from .stored import read_table
from .table import Table, Task

FOLDER = "openml"
"""The openml cache below the data root."""
SERVER = Path("org", "openml", "www", "datasets")
XML = "{http://openml.org/openml}"


@dataclass(frozen=True)
class Description:
    """What a `description.xml` says of a table.

    Attributes:
        id: OpenML's number of the table.
        name: its name, which other tables and other versions may share.
        version: counts the tables of one name, from 1.
        target: the default target; None where there is none.
        ignored: columns that are row identifiers or that OpenML leaves out.
        md5: of the ARFF file; None where it is not stated.
    """

    id: int
    name: str
    version: str
    target: str | None
    ignored: tuple[str, ...]
    md5: str | None


def folder_of(root: Path, id: int) -> Path:
    """Return where the table `id` lies below the data root."""
    return root / FOLDER / SERVER / str(id)


def data_file(folder: Path) -> Path | None:
    """Return the table's file, the parquet where there are two; None where there is none."""
    names = (f"dataset_{folder.name}.pq", "dataset.pq", "dataset.arff")
    return next((folder / name for name in names if (folder / name).is_file()), None)


def is_complete(folder: Path) -> bool:
    """Tell whether both a table's file and its description are there."""
    return data_file(folder) is not None and (folder / "description.xml").is_file()


def describe(folder: Path) -> Description:
    """Read a table's `description.xml`.

    Raises:
        DataError: it is no XML, or not one of OpenML.
    """
    path = folder / "description.xml"
    try:
        tree = ElementTree.parse(path)
    except (ElementTree.ParseError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is no readable XML ({error}); fetch the table again") from None
    name, number = tree.findtext(f"{XML}name"), tree.findtext(f"{XML}id") or ""
    if not name or not number.isdigit():
        raise DataError(f"{path} names no OpenML table; fetch the table again")
    marks = [*tree.findall(f"{XML}row_id_attribute"), *tree.findall(f"{XML}ignore_attribute")]
    return Description(
        id=int(number),
        name=name,
        version=tree.findtext(f"{XML}version") or "1",
        target=tree.findtext(f"{XML}default_target_attribute") or None,
        ignored=tuple(mark.text for mark in marks if mark.text),
        md5=tree.findtext(f"{XML}md5_checksum"),
    )


def find_by_name(root: Path, table: str) -> Description | None:
    """Return the local table called `table`; None where there is none.

    Raises:
        SettingError: several local tables have that name.
    """
    found = [d for d in _local(root) if d.name == table]
    if len(found) > 1:
        each = ", ".join(f"id {d.id} is version {d.version}" for d in found)
        raise SettingError(
            f"openml: {len(found)} tables are called {table!r} ({each}); give the id"
        )
    return found[0] if found else None


def local_names(root: Path) -> list[str]:
    """Return the names of the tables that are there."""
    return sorted({d.name for d in _local(root)})


def _local(root: Path) -> list[Description]:
    folders = sorted(p.parent for p in (root / FOLDER / SERVER).glob("*/description.xml"))
    return sorted((describe(folder) for folder in folders), key=lambda d: d.id)


def read_openml(
    name: str,
    folder: Path,
    target: str | None = None,
    ignore: tuple[str, ...] = (),
    task: Task = "classification",
) -> Table:
    """Read a complete table folder (see `is_complete`).

    Raises:
        SettingError: there is no default target, or a column that is named does not exist.
        DataError: the file is damaged or does not hold the task.
    """
    description = describe(folder)
    target = target or description.target
    if target is None:
        raise SettingError(f"{name}: OpenML states no default target; name a column as target")
    path = data_file(folder)
    if path is None:
        raise DataError(f"{name}: {folder} holds no data file; fetch the table again")
    if path.suffix == ".arff":
        _check_md5(name, path, description.md5)
    left_out = (c for c in _columns_marked(description) if c != target)
    return read_table(name, path, target, ignore, tuple(left_out), task)


def _columns_marked(description: Description) -> list[str]:
    """Return the names to ignore; older descriptions join several by commas."""
    joined = [mark for mark in description.ignored if "," in mark]
    parts = [part.strip() for mark in joined for part in mark.split(",")]
    return [*description.ignored, *parts]


def _check_md5(name: str, path: Path, expected: str | None) -> None:
    if expected is None:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "md5").hexdigest()
    if found != expected:
        raise DataError(
            f"{name}: {path} is damaged or changed: its MD5 is {found}, its description says"
            f" {expected}. Remove it and fetch the table again; a table of your own belongs to"
            " the data set 'file'."
        )
