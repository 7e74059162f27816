"""The rules of each kind, as a list and as a table."""

from __future__ import annotations

from mixup_multi import door

# They enter their rules into the book.
from mixup_multi.testing import (  # noqa: F401
    adapters,
    attacks,
    blends,
    datasets,
    evaluations,
    model_points,
    models,
    objective_steps,
    objective_values,
    objectives,
    predictors,
    shifts,
    sources,
)
from mixup_multi.testing.contract import BOOK, Rule


def rules(kind: str) -> tuple[Rule, ...]:
    """Return the rules of a kind, in the order in which they are checked.

    Args:
        kind: `adapter`, `dataset`, `model` or `shift`, which are an adapter's; `objective`,
            `blend`, `predictor`, `attack` or `evaluation`.

    Raises:
        SettingError: there is no such kind.
    """
    return tuple(door.pick("kind of member", BOOK, kind))


def rules_table(kind: str) -> str:
    """Return the rules of a kind as a table in Markdown: name and sentence."""
    rows = [f"| `{one.name}` | {one.says} |" for one in rules(kind)]
    return "\n".join(["| rule | what it says |", "|---|---|", *rows])
