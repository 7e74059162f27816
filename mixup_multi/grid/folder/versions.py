"""Versions of installed packages, without importing one."""

from __future__ import annotations

from functools import cache
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "mixup-multi",
    "torch",
    "torchvision",
    "torchaudio",
    "torch-geometric",
    "lightning-fabric",
    "openml",
    "scikit-learn",
    "numpy",
)
"""Those whose versions are kept with every result."""


@cache
def version_of(package: str) -> str | None:
    """Return the version of a package; None where it is not installed."""
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions() -> dict[str, str | None]:
    """Return the versions of what results depend on."""
    return {name: version_of(name) for name in PACKAGES}
