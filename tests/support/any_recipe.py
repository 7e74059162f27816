"""Random recipes for small tables, and random damage to them; for hypothesis."""

from __future__ import annotations

import copy
import io
import json
import math
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st
from ruamel.yaml import YAML

Content = dict[str, Any]

TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=12)
SHARE = st.floats(0.1, 2.0)
DATASETS: Sequence[Content] = (
    {"name": "sklearn_iris"},
    {"name": "sklearn_iris", "test": 0.3},
    {"name": "sklearn_wine", "validation": 0.2},
)
MODELS: Sequence[Content] = (
    {"name": "logistic"},
    {"name": "mlp", "widths": [4]},
    {"name": "mlp", "widths": [3, 5], "batch_norm": True},
)
METHOD = st.one_of(
    st.just({"name": "erm"}),
    st.fixed_dictionaries({"name": st.just("mixup"), "alpha": SHARE}),
    st.fixed_dictionaries({"name": st.just("mixupe"), "alpha": SHARE, "eta": st.floats(0, 1)}),
    st.builds(lambda eta: {"name": "mixupe", "eta": eta, "inner": {"name": "mixup"}}, SHARE),
)
TRAIN = st.fixed_dictionaries(
    {"epochs": st.just(1)},
    optional={
        "batch_size": st.integers(2, 64),
        "lr": st.floats(1e-4, 0.1),
        "optimizer": st.sampled_from(["sgd", "adam", "adamw"]),
        "schedule": st.builds(lambda at: {"name": "steps", "at": at}, st.lists(st.integers(0, 9))),
    },
)


def _content(entry: Content) -> str:
    """Return what is equal for equal entries, in whatever order their keys come."""
    return json.dumps(entry, sort_keys=True)


def _labelled(entries: Sequence[Content]) -> list[Content]:
    """Return entries with labels of their own: equal ones would be averaged."""
    return [{**entry, "label": f"{entry['name']} {n}"} for n, entry in enumerate(entries)]


def _some(of: Sequence[Content]) -> st.SearchStrategy[list[Content]]:
    return st.lists(st.sampled_from(of), min_size=1, unique_by=_content).map(_labelled)


VALID: st.SearchStrategy[Content] = st.fixed_dictionaries(
    {
        "title": TEXT,
        "adapter": st.just("tabular"),
        "datasets": _some(DATASETS),
        "models": _some(MODELS),
        "methods": st.lists(METHOD, min_size=1, max_size=3, unique_by=_content).map(_labelled),
    },
    optional={
        "source": TEXT,
        "notes": st.lists(TEXT, max_size=3),
        "trials": st.integers(1, 3),
        "seed": st.integers(0, 2**31 - 1),
        "train": TRAIN,
        "paper": st.just("mixupe_tabular"),
    },
)
ODD = st.sampled_from(
    [
        *(None, True, "", "x", " ", "erm", "é\u202e💥\u0000", "\ufeff", "a" * 300, "no:module"),
        *(0, -1, 1, 2.5, 10**12, 2**63, 10**40, -(10**40), 1e308, 5e-324, -0.0),
        *(math.nan, math.inf, -math.inf, [], {}, [[]], [None], {"name": "erm"}, {"": 0}, [1, "a"]),
    ]
)


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Yield every container with each of its keys or indices."""
    keys = content if isinstance(content, dict) else range(len(content))
    for key in list(keys):
        yield content, key
        if isinstance(content[key], dict | list):
            yield from _places(content[key])


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Return a recipe's file with one to three kinds of damage."""
    content = copy.deepcopy(draw(VALID))
    for _ in range(draw(st.integers(1, 2))):
        place, key = draw(st.sampled_from(list(_places(content)) or [(content, "title")]))
        kind = draw(st.sampled_from(["set", "set", "delete", "unknown", "twice"]))
        if kind == "delete" and (isinstance(place, list) or key in place):
            del place[key]
        elif kind == "twice" and isinstance(place, list):
            place.append(copy.deepcopy(place[key]))
        elif kind == "unknown" and isinstance(place, dict):
            place[draw(TEXT)] = draw(ODD)
        else:
            place[key] = draw(ODD)
    text = written(content)
    if draw(st.integers(0, 4)) == 0:
        text = draw(_damage(text))
    return text


@st.composite
def _damage(draw: st.DrawFn, text: bytes) -> bytes:
    """Return text with a repeated line, or cut short, or with bytes that do not belong there."""
    lines = text.splitlines(keepends=True)
    at, where = draw(st.integers(0, len(lines) - 1)), draw(st.integers(0, len(text)))
    odd = draw(st.sampled_from([b"\xff", b"\x00", b"\t", b"&a ", b"!!set ", b"- ", b": ", b"{"]))
    return draw(
        st.sampled_from(
            [
                b"".join([*lines[: at + 1], *lines[at:]]),
                text[:where],
                text[:where] + odd + text[where:],
            ]
        )
    )


def written(content: Content) -> bytes:
    """Return a recipe as the bytes of a YAML file."""
    buffer = io.BytesIO()
    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.dump(content, buffer)
    return buffer.getvalue()
