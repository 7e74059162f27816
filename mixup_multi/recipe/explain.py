"""From pydantic's complaints to one sentence for the author of a recipe."""

from __future__ import annotations

import re
from typing import Any

from pydantic import ValidationError

from mixup_multi.door import setting_error
from mixup_multi.engine.settings import Schedule, Train
from mixup_multi.errors import SettingError, did_you_mean
from mixup_multi.recipe.schema import Matrix, Range, Recipe, Search

Place = tuple[str | int, ...]
"""Where something stands in a recipe; of a part it begins with `("parts", n)`."""


def explained(error: ValidationError) -> SettingError:
    """Return our error for the most telling one of pydantic's.

    A misspelt key comes first: it explains the key that is missing in its place.
    """
    found = error.errors()
    for one in found:
        if one["type"] == "extra_forbidden":
            return _unknown_key(one)
    told = setting_error(error)
    return SettingError(re.sub(r"^parts\.\d+\.", "", str(told)), told.path)


def _unknown_key(one: Any) -> SettingError:
    place = tuple(part for part in one["loc"] if isinstance(part, str | int))
    key = str(place[-1])
    if place[0] == "parts" and len(place) == 3 and key in Recipe.model_fields:
        message = f"{key!r} is said of a whole recipe, not of a part; put it at the top of the file"
        return SettingError(message, place)
    return SettingError(f"unknown key {key!r}{did_you_mean(key, _known_keys(place[:-1]))}", place)


def _known_keys(section: Place) -> list[str]:
    """Return the keys that a section may have."""
    names = [part for part in section if isinstance(part, str)]
    if names[-1:] == ["schedule"]:
        return list(Schedule.model_fields)
    if names[-1:] == ["train"]:
        return list(Train.model_fields)
    if names[-1:] == ["search"]:
        return list(Search.model_fields)
    if names[-1:] == ["range"]:
        return list(Range.model_fields)
    if names == ["parts"]:
        return list(Matrix.model_fields)
    return [*Recipe.model_fields, *Matrix.model_fields]
