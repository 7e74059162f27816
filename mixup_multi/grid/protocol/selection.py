"""Which epoch of a cell is reported: the rules of `selection`, applied to recorded curves.

A rule is applied to what is stored, after training, and changes nothing of it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mixup_multi.recipe.schema import Rule

Record = Mapping[str, Any]
TEXTS: dict[Rule, str] = {
    "last": "last epoch",
    "best_validation": "epoch of the least validation error of each cell",
    "fold_mean": "epoch of the least mean validation error over the folds, one for all folds",
    "best_test": "epoch of the least test error of each cell (selected on the test part, so"
    " optimistic)",
}
FOLD_MEAN_ON_TEST = (
    "epoch of the least mean test error over the folds, one for all folds (as Xu et al. 2019: the"
    " held-out fold selects and is reported, so optimistic)"
)


def described(rule: Rule) -> str:
    """Return a rule in words before its data is known."""
    either = f", or where there is no validation part: {FOLD_MEAN_ON_TEST}"
    return TEXTS[rule] + (either if rule == "fold_mean" else "")


@dataclass(frozen=True)
class Done:
    """A finished cell as selection sees it.

    Attributes:
        record: cell.json.
        result: result.json.
        history: a record an epoch.
    """

    record: Record
    result: Record
    history: Sequence[Record]

    @cached_property
    def curves(self) -> dict[int, Record]:
        """Return the records by epoch."""
        return {int(record["epoch"]): record for record in self.history if "epoch" in record}

    @property
    def whole(self) -> bool:
        """Return whether every epoch has its record."""
        return sorted(self.curves) == list(range(1, int(self.result["epochs"]) + 1))

    def curve(self, quantity: str) -> dict[int, float]:
        """Return a quantity at the epochs after which it was measured."""
        return {e: float(r[quantity]) for e, r in sorted(self.curves.items()) if quantity in r}

    @cached_property
    def trial(self) -> str:
        """Return what the folds of one trial have in common."""
        record = self.record
        return json.dumps(
            [
                *((record[kind]["name"], record[kind]["settings"]) for kind in KINDS),
                *(record[key] for key in ("adapter", "erm_epochs", "seed", "folds")),
                {k: v for k, v in record["train"].items() if k != "checkpoint_seconds"},
            ],
            sort_keys=True,
        )


KINDS = ("dataset", "model", "method")


@dataclass(frozen=True)
class Selected:
    """What is reported of a cell.

    Attributes:
        epoch: from 1.
        text: the rule in words.
        on_test: whether it looked at the test error.
        values: what is reported instead of the last epoch's, as in result.json.
    """

    epoch: int
    text: str
    on_test: bool
    values: Mapping[str, float]

    def over(self, result: Record) -> dict[str, Any]:
        """Return a result with this selection's numbers in the place of the last epoch's."""
        said = {"selection": self.text, "selected_epoch": self.epoch}
        return {**result, **self.values, **said, "selected_on_test": self.on_test}


@dataclass(frozen=True)
class Unselected:
    """Why nothing can be reported of a cell that is done."""

    why: str


Selection = Selected | Unselected


def select(rule: Rule, cells: Sequence[Done]) -> list[Selection]:
    """Return what a rule reports of each cell.

    Args:
        rule: the protocol's.
        cells: all finished cells of the protocol, in any order; `fold_mean` looks for the folds
            of a trial among them.
    """
    if rule == "fold_mean":
        trials: dict[str, list[Done]] = {}
        for cell in cells:
            trials.setdefault(cell.trial, []).append(cell)
        means = {trial: _fold_mean(folds) for trial, folds in trials.items()}
        return [_taken(cell, rule, means[cell.trial]) for cell in cells]
    part = {"best_validation": "validation", "best_test": "test"}.get(rule)
    return [
        _last(cell) if part is None else _taken(cell, rule, _best([cell], part)) for cell in cells
    ]


@dataclass(frozen=True)
class _Best:
    """The epoch of the least (mean) error of `part`, out of how many that were evaluated."""

    epoch: int
    part: str
    evaluated: int


def _last(cell: Done) -> Selected:
    return Selected(int(cell.result["epochs"]), TEXTS["last"], False, {})


def _fold_mean(folds: Sequence[Done]) -> _Best | Unselected:
    count = int(folds[0].record["folds"] or 0)
    lacking = sorted({*range(count)} - {cell.record["fold"] for cell in folds})
    if lacking:
        said = ", ".join(str(fold + 1) for fold in lacking)
        return Unselected(
            f"the epoch is that of the least mean error over all {count} folds, and fold {said}"
            " has not finished"
        )
    validated = [bool(cell.curve("validation_error")) for cell in folds]
    return _best(folds, "validation" if any(validated) else "test")


def _best(cells: Sequence[Done], part: str) -> _Best | Unselected:
    """Return the first epoch of the least mean error of a part."""
    if not all(cell.whole for cell in cells):
        return Unselected("metrics.jsonl lacks epochs, so that the best of them is not known")
    curves = [cell.curve(f"{part}_error") for cell in cells]
    tested = [cell.curve("test_error") for cell in cells]
    if not all(curves) or not all(tested):
        lacking = "test" if all(curves) else part
        return Unselected(f"the {lacking} error was not recorded while it was trained")
    epochs = sorted(set(curves[0]).intersection(*curves[1:], *tested))
    if not epochs:
        return Unselected("no epoch was evaluated in all folds")
    means = [math.fsum(curve[epoch] for curve in curves) for epoch in epochs]
    return _Best(epochs[means.index(min(means))], part, len(epochs))


def _taken(cell: Done, rule: Rule, best: _Best | Unselected) -> Selection:
    if isinstance(best, Unselected):
        return best
    on_test = best.part == "test"
    text = FOLD_MEAN_ON_TEST if on_test and rule == "fold_mean" else TEXTS[rule]
    if best.evaluated < cell.result["epochs"]:
        text += f"; {best.evaluated} of {cell.result['epochs']} epochs were evaluated"
    return Selected(best.epoch, text, on_test, _measured(cell.curves[best.epoch]))


def _measured(record: Record) -> dict[str, float]:
    """Return what an epoch's record says of the parts."""
    names = [f"{part}_{what}" for part in ("test", "validation") for what in ("error", "loss")]
    return {name: float(record[name]) for name in names if name in record}
