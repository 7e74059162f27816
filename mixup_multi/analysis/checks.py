"""What the settings of several analyses are checked for."""

from __future__ import annotations

from mixup_multi.errors import SettingError


def check_at_least(least: float, **given: float) -> None:
    """Raise `SettingError` where a number is smaller than `least`, or no number."""
    for name, value in given.items():
        if not least <= value < float("inf"):
            raise SettingError(f"{name} is {value}: expected {least:g} or more", (name,))


def check_positive(**given: float) -> None:
    """Raise `SettingError` where a number is not positive."""
    for name, value in given.items():
        if not 0 < value < float("inf"):
            raise SettingError(f"{name} is {value}: expected a number > 0", (name,))
