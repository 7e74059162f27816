"""What a `search` may not say beyond the types of its keys: each mistake with its way out."""

from __future__ import annotations

import json
from collections.abc import Iterator

from mixup_multi.errors import SettingError
from mixup_multi.recipe.explain import Place
from mixup_multi.recipe.schema import Axis, Matrix, Range, Search


def check_search(part: Matrix, search: Search, place: Place) -> None:
    """Raise `SettingError` where a part's search contradicts itself or the part's protocol.

    Args:
        part: the matrix.
        search: its search.
        place: where it stands in the recipe.
    """
    for wrong, message, key in _mistakes(part, search):
        if wrong:
            raise SettingError(f"search: {message}", (*place, *key))
    for path, axis in search.over.items():
        for wrong, message in _axis_mistakes(search, axis):
            if wrong:
                raise SettingError(f"search.over {path!r}: {message}", (*place, "over", path))


def _mistakes(part: Matrix, search: Search) -> Iterator[tuple[bool, str, tuple[str, ...]]]:
    optuna, shared = search.study == "optuna", search.per == "dataset"
    yield (
        part.selection not in ("last", "best_validation"),
        f"selection: {part.selection} looks at test parts or at all folds, and a search may look"
        " at its own validation part only; expected selection: last or best_validation",
        (),
    )
    yield optuna and search.n is None, "study: optuna needs n, the number of points to try", ()
    yield not optuna and search.n is not None, "n is of study: optuna; a grid tries all", ("n",)
    yield (
        not shared and search.trials is not None,
        "trials is of per: dataset; with per: trial every trial chooses for itself",
        ("trials",),
    )
    yield (
        shared and (search.trials or 1) > part.trials,
        f"trials is {search.trials}, and the recipe has {part.trials}",
        ("trials",),
    )
    yield (
        shared and part.folds is not None,
        "per: dataset would choose by rows that other folds are tested on; expected per: trial",
        ("per",),
    )


def _axis_mistakes(search: Search, axis: Axis) -> Iterator[tuple[bool, str]]:
    if isinstance(axis, Range):
        yield search.study == "grid", "a range is for study: optuna; a grid takes a list of values"
        yield axis.low >= axis.high, f"low {axis.low} is not below high {axis.high}"
        yield axis.log and axis.low <= 0, f"log needs low above 0, not {axis.low}"
        return
    texts = [json.dumps(value) for value in axis]
    yield not axis, "the list is empty; expected the values to try"
    yield len({*texts}) < len(texts), "a value is listed twice"
    plain = all(isinstance(value, str | int | float | None) for value in axis)
    yield search.study == "optuna" and not plain, "a study takes plain values, no lists or sections"
