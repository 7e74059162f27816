"""Optuna studies (extra `[hpo]`) of a search, kept in OUT/search.sqlite.

A point is drawn from what is known and from the seed and the point's number alone, by a sampler
of its own. So a search that was killed goes on as if it had not been, and proposes the same.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from mixup_multi.errors import SettingError
from mixup_multi.recipe.schema import Axis, Range
from mixup_multi.recipe.search import Unit
from mixup_multi.recipe.searched import Point
from mixup_multi.streams import seed_of

FILE = "search.sqlite"


class Study:
    """Proposes points by a tree-structured Parzen estimator (optuna's `TPESampler`).

    Raises:
        SettingError: optuna is not installed.
    """

    def __init__(self, unit: Unit, out: Path) -> None:
        self.optuna = _optuna()
        self.unit = unit
        out.mkdir(parents=True, exist_ok=True)
        self.study = self.optuna.create_study(
            storage=_storage(out), study_name=study_name(unit), load_if_exists=True
        )
        for trial in self.study.get_trials(states=[self.optuna.trial.TrialState.RUNNING]):
            if trial.params.keys() != unit.axes.keys():  # a kill left it half drawn
                self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)
        self.axes = {path: _distribution(self.optuna, a) for path, a in unit.axes.items()}

    def begin(self) -> list[Point]:
        """Return the points that were asked for in earlier runs."""
        return _points(self.study, self.unit)

    def ask(self) -> list[Point]:
        """Return one more point, or none where `n` have been asked for."""
        number = len(self.begin())
        if number >= (self.unit.search.n or 0):
            return []
        seed = seed_of(self.unit.search.seed, f"search {number}") % 2**32
        self.study.sampler = self.optuna.samplers.TPESampler(seed=seed)
        point = self.study.ask(self.axes).params
        return [{path: point[path] for path in self.axes}]

    def tell(self, point: Point, score: float | None) -> None:
        """Keep a point's score; one that failed is told as failed."""
        for trial in self.study.trials:
            if trial.params == point and not trial.state.is_finished():
                if score is None:
                    self.study.tell(trial.number, state=self.optuna.trial.TrialState.FAIL)
                else:
                    self.study.tell(trial.number, score)


def known_points(unit: Unit, out: Path) -> list[Point]:
    """Return the points that a study has asked for, if it has begun."""
    if not (out / FILE).exists():
        return []
    optuna = _optuna()
    names = optuna.get_all_study_names(_storage(out))
    if study_name(unit) not in names:
        return []
    return _points(optuna.load_study(storage=_storage(out), study_name=study_name(unit)), unit)


def study_name(unit: Unit) -> str:
    """Return a name by everything that decides a study but the number of its points."""
    what = {
        "cells": [cell.identity() for cell in unit.templates],
        "selection": unit.templates[0].selection,
        **unit.search.model_dump(mode="json", exclude={"n", "over"}),
        "over": {path: repr(axis) for path, axis in unit.axes.items()},
    }
    digest = hashlib.sha256(json.dumps(what, sort_keys=True).encode()).hexdigest()[:12]
    return f"{unit.title} {digest}"


def _points(study: Any, unit: Unit) -> list[Point]:
    """Return a study's points, without one that a kill left half drawn."""
    params = [trial.params for trial in study.get_trials(deepcopy=False)]
    whole = [point for point in params if point.keys() == unit.axes.keys()]
    return [{path: point[path] for path in unit.axes} for point in whole]


def _storage(out: Path) -> str:
    return f"sqlite:///{(out / FILE).resolve()}"


def _distribution(optuna: Any, axis: Axis) -> Any:
    kinds = optuna.distributions
    if not isinstance(axis, Range):
        return kinds.CategoricalDistribution(axis)
    whole = isinstance(axis.low, int) and isinstance(axis.high, int)
    kind = kinds.IntDistribution if whole else kinds.FloatDistribution
    return kind(axis.low, axis.high, log=axis.log)


def _optuna() -> Any:
    try:
        import optuna
    except ImportError as error:
        raise SettingError(
            "search: study: optuna needs the extra hpo: pip install 'mixup-multi[hpo]'"
        ) from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
