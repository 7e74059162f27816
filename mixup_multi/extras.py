"""Packages that only some runs need: optional dependencies, installed as extras."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from mixup_multi.errors import SettingError


def load_extra(module: str, extra: str, purpose: str) -> Any:
    """Import a module that comes with one of this package's extras.

    Args:
        module: its dotted name.
        extra: the extra that installs it.
        purpose: what needs it, to begin the message with.

    Raises:
        SettingError: it cannot be imported; the message says how to install it.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise SettingError(
            f"{purpose} needs the package {module.split('.')[0]}, which cannot be imported"
            f" ({error}); install it with: pip install 'mixup-multi[{extra}]'"
        ) from error
