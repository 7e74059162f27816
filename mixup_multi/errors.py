"""What is said to a user whose input cannot be used.

Every error that a user can cause is a `MixupMultiError`; the command line prints its message
without a traceback and exits with code 2. A message says what was given, what was expected
and the way out. Anything else that is raised is a defect of ours and keeps its traceback.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = [
    "DataError",
    "DeviceError",
    "DivergedError",
    "MissingDataError",
    "MixupMultiError",
    "OutputError",
    "PointError",
    "SettingError",
    "WriteError",
    "did_you_mean",
]


class MixupMultiError(Exception):
    """A mistake that its user can mend; `str(error)` is the whole message."""


class SettingError(MixupMultiError, ValueError):
    """A recipe's key, name or value, or a function's argument, that cannot be used.

    Attributes:
        path: where in the settings it stands, e.g. `("methods", 2, "alpha")`; may be empty.
    """

    def __init__(self, message: str, path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.path = path


class DataError(MixupMultiError):
    """Data that is missing, incomplete or not what it claims to be."""


class MissingDataError(DataError):
    """Data that is not where it was looked for."""


class PointError(MixupMultiError, ValueError):
    """A point that a model does not offer, or a value that cannot be mixed there."""


class DeviceError(MixupMultiError):
    """A device that this machine does not have."""


class DivergedError(MixupMultiError, ArithmeticError):
    """A training loss that is no longer a finite number."""


class OutputError(MixupMultiError):
    """A result that cannot be written or read back."""


class WriteError(OutputError):
    """A file that cannot be written (a full disk, a read-only folder): nothing can go on."""


FEW = 12


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return `"; did you mean 'x'?"` for the choice nearest to `name`, or what there is.

    Where there is a near one, the others are named only if they are few.

    >>> did_you_mean("mixpu", ["erm", "mixup"])
    "; did you mean 'mixup'? Known: erm, mixup"
    >>> did_you_mean("zzz", ["erm", "mixup"])
    '. Known: erm, mixup'
    """
    known = sorted(choices)
    near = nearest(name, known)
    listed = ", ".join(known[:40]) + (", ..." if len(known) > 40 else "")
    if near is not None and len(known) > FEW:
        return f"; did you mean {near!r}?"
    return f". Known: {listed}" if near is None else f"; did you mean {near!r}? Known: {listed}"


def nearest(name: str, choices: Iterable[str]) -> str | None:
    """Return the choice that `name` may be a typo of; None where none is near."""
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return near[0] if near else None
