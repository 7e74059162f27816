"""The recipes and lists of evaluations that come with the package, found without reading one.

The command line completes their names, so nothing here imports torch or pydantic.
"""

from __future__ import annotations

from pathlib import Path

PACKAGE = Path(__file__).parents[1]


def shipped_recipes() -> dict[str, Path]:
    """Return the recipes that come with the package, by name."""
    return _shipped("")


def shipped_evaluations() -> dict[str, Path]:
    """Return the lists of evaluations that come with the package, by name."""
    return _shipped("evaluations")


def is_recipe(name: str) -> bool:
    """Return whether this looks like a recipe: a shipped one's name, or a YAML file that exists."""
    path = Path(name)
    return name in shipped_recipes() or (path.suffix in (".yaml", ".yml") and path.is_file())


def _shipped(below: str) -> dict[str, Path]:
    packaged = PACKAGE / "_recipes"
    folder = packaged if packaged.is_dir() else PACKAGE.parent / "recipes"
    return {path.stem: path for path in sorted((folder / below).glob("*.yaml"))}
