"""What is installed by name: the groups of entry points, and their members, imported or not.

`door` makes things of them. Nothing heavy is imported here, since the command line completes
their names.
"""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

__all__ = ["ADAPTERS", "ANALYSES", "CODECS", "EVALUATIONS", "MADE", "OBJECTIVES", "names"]

ADAPTERS = "mixup_multi.adapters"
"""The entry-point group of adapters."""
OBJECTIVES = "mixup_multi.objectives"
"""The entry-point group of methods."""
EVALUATIONS = "mixup_multi.evaluations"
"""The entry-point group of evaluations."""
ANALYSES = "mixup_multi.analyses"
"""The entry-point group of analyses."""
CODECS = "mixup_multi.codecs"
"""The entry-point group of codecs."""
MADE = {
    OBJECTIVES: ("draw", "loss"),
    "mixup_multi.attacks": ("perturb",),
    CODECS: (),
    "mixup_multi.predictors": ("probabilities",),
    EVALUATIONS: ("measure",),
    ANALYSES: ("compute", "draw"),
}
"""What is made by name, by entry-point group, and the methods by which it is known.

A class whose attribute `entry_points` names one of these groups can be a setting of another: the
recipe then gives a mapping with a `name`.
"""


def names(group: str) -> tuple[str, ...]:
    """Return the names that are installed in an entry-point group."""
    return tuple(sorted(entries(group)))


@cache
def entries(group: str) -> dict[str, EntryPoint]:
    """Return a group's entry points by name; asking all installed packages takes milliseconds."""
    return {point.name: point for point in reversed(list(entry_points(group=group)))}


def kind_of(group: str) -> str:
    """Return what an entry-point group's members are, for messages: `objective`, `attack`."""
    plural = group.rpartition(".")[2]
    return f"{plural.removesuffix('es')}is" if plural.endswith("yses") else plural.removesuffix("s")


def plural_of(group: str) -> str:
    """Return what `mixup-multi list` calls a group: `methods`, `attacks`."""
    return "methods" if group == OBJECTIVES else group.rpartition(".")[2]
