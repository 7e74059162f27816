"""What a recipe's parts said for themselves and is gone where `--set parts=[...]` replaces them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LISTS = ("datasets", "models", "methods")


def lost_settings(old: Any, new: Any) -> str:
    """Return the own settings of replaced parts that the parts in their place do not have.

    A part stands in another's place if it lists a data set, model or method that this listed.
    Only what can be left out counts: a part that lacks one of the lists cannot be read at all.

    Args:
        old, new: the values of `parts`, as they were read and unchecked.

    Returns:
        E.g. `train.batch_size=16`; empty where nothing is lost.
    """
    lost: dict[str, None] = {}
    for part in _mappings(new):
        for before in _mappings(old):
            if _names(part) & _names(before):
                said = _flat(part)
                lost |= {
                    f"{key}={value}": None
                    for key, value in _flat(before).items()
                    if key not in said
                }
    return ", ".join(lost)


def _mappings(parts: Any) -> list[Mapping[str, Any]]:
    return [one for one in parts if isinstance(one, Mapping)] if isinstance(parts, list) else []


def _names(part: Mapping[str, Any]) -> set[tuple[str, str]]:
    """Return what a part lists, each with the list that it is in."""
    return {(key, name) for key in LISTS for name in _listed(part.get(key))}


def _listed(entries: Any) -> Iterator[str]:
    for entry in entries if isinstance(entries, list) else ():
        name = entry.get("name") if isinstance(entry, Mapping) else entry
        if isinstance(name, str):
            yield name


def _flat(part: Mapping[str, Any]) -> dict[str, Any]:
    """Return a part's own settings but for its lists; those of sections by dotted keys."""
    found: dict[str, Any] = {}
    for key, value in part.items():
        if key in LISTS:
            continue
        inside = value.items() if isinstance(value, Mapping) else ()
        found |= {f"{key}.{name}": one for name, one in inside} or {key: value}
    return found
