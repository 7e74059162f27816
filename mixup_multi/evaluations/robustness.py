"""The error over the size of an attack, with the checks that tell robustness from a blind attack.

An attack that is larger or searches longer can only find more. Where it finds less, its gradients
lead nowhere, and the model is not robust but hard to climb (Athalye et al. 2018, Carlini et al.
2019): then ask a stronger attack, e.g. more steps, restarts, or one that sees the predictor.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import torch

from mixup_multi.attacks import Attack
from mixup_multi.attacks.presets import Size, size_of
from mixup_multi.bounds import Bounds
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi.evaluations.error import Error
from mixup_multi.evaluations.evaluation import Curve, Evaluation, Measured, Part, Subject
from mixup_multi.predict import Predictor

TOLERANCE = 1.0
"""Percentage points by which a weaker search may find more, for both start at random."""

Check = Literal["weaker_than_fgsm", "survives_everything", "falls_with_eps"]


@dataclass(frozen=True, kw_only=True)
class Robustness(Evaluation):
    """Error in percent under an attack of several sizes; the largest one's comes first.

    Each size is an `Error` of its own, of the same examples, starts and draws.

    Attributes:
        attack: whose eps is replaced by each size.
        sizes: of eps, numbers or fractions such as 8/255; one of them above 0.
        step_ratio: the length of a step over eps: `own`, the attack's; a number; or `fixed`, where
            the step stays as the attack has it at every size.
        checks: whether to make the checks below, which cost up to two attacks more.
        part, predictor, adaptive, rows, seed: as in `Error`.
        batch_size: examples at a time. Each batch has its own draws, of the attack's starts and
            of the predictor, and at a hidden point its own unit, so errors depend on it a little:
            compare models at the same.

    Raises:
        SettingError: a value is out of its range.
    """

    attack: Attack
    sizes: tuple[Size, ...] = ("0", *(f"{size}/255" for size in range(1, 9)))
    step_ratio: float | Literal["own", "fixed"] = "own"
    checks: bool = True
    part: Part = "test"
    predictor: Predictor | None = None
    adaptive: bool = False
    rows: int | None = None
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        if max(self._radii.values(), default=0) <= 0:
            raise SettingError(f"sizes is {list(self.sizes)}: expected one above 0", ("sizes",))
        if self.step_ratio == "own" and self.attack.eps == 0:
            raise SettingError(
                "the attack's own eps is 0, so its step is no share of it: expected an attack with"
                " eps above 0, or a number as step_ratio",
                ("step_ratio",),
            )
        for radius in self._radii.values():
            self._error(self._sized(radius))

    def check(self, subject: Subject) -> None:
        """Raise where an attack of the largest size, or the predictor, does not fit."""
        self._error(self._sized(self._largest)).check(subject)

    def measure(self, subject: Subject) -> Measured:
        """Return `error` at the largest size, `error at SIZE`, `rows`, and what checks found.

        Checks are 0 where all is well and 1 where something is wrong:
        `weaker_than_fgsm`: a single step from the row itself finds more than the attack does;
        `survives_everything`: with the whole range free (without a range: ten times the largest
        size, in L-inf) and ten steps at least, some example is still classified correctly; not
        made of numbers to predict, whose error has no upper end;
        `falls_with_eps`: a larger size finds less than a smaller one.
        """
        self.check(subject)
        found = {size: self._found(subject, self._sized(r)) for size, r in self._radii.items()}
        errors = [values["error"] for values in found.values()]
        values = {"error": errors[-1], "rows": found[next(iter(found))]["rows"]}
        values |= {f"error at {size}": error for size, error in zip(found, errors, strict=True)}
        if self.checks:
            values |= self._checked(subject, errors)
        curve = Curve(
            f"eps ({_words(self.attack, subject)})",
            "error (%)",
            tuple(self._radii.values()),
            tuple(errors),
        )
        return Measured(values, {"error": curve})

    @cached_property
    def _radii(self) -> Mapping[str, float]:
        """The sizes as they were given -> as numbers, ascending."""
        words = (size if isinstance(size, str) else f"{size:g}" for size in self.sizes)
        radii = {word: size_of("sizes", size) for word, size in zip(words, self.sizes, strict=True)}
        return dict(sorted(radii.items(), key=lambda pair: pair[1]))

    @property
    def _largest(self) -> float:
        return max(self._radii.values())

    def _sized(self, eps: float) -> Attack:
        """Return the attack of a size."""
        if self.step_ratio == "fixed":
            return replace(self.attack, eps=eps)
        own = self.step_ratio == "own"
        ratio = self.attack.step / self.attack.eps if own else float(self.step_ratio)
        return replace(self.attack, eps=eps, step=ratio * eps)

    def _error(self, attack: Attack) -> Error:
        return Error(
            attack=attack,
            part=self.part,
            predictor=self.predictor,
            adaptive=self.adaptive,
            rows=self.rows,
            batch_size=self.batch_size,
            seed=self.seed,
        )

    def _found(self, subject: Subject, attack: Attack) -> Mapping[str, float]:
        return self._error(attack).measure(subject).values

    def _checked(self, subject: Subject, errors: list[float]) -> dict[str, float]:
        """Return what the checks found."""
        flags: dict[Check, bool] = {}
        largest = self._largest
        single = _plain(self.attack, eps=largest, step=largest, steps=1, start="none", restarts=1)
        if self._sized(largest) != single:
            once = self._found(subject, single)["error"]
            flags["weaker_than_fgsm"] = once > errors[-1] + TOLERANCE
        if subject.loss_fn.target_kind != "numbers":
            everything = self._found(subject, self._unbounded(subject))["error"]
            flags["survives_everything"] = everything < 100
        flags["falls_with_eps"] = any(b < a - TOLERANCE for a, b in pairwise(errors))
        return {name: float(flag) for name, flag in flags.items()}

    def _unbounded(self, subject: Subject) -> Attack:
        """Return an attack that every model must give in to.

        It starts at the row itself: far away losses are so small that they have no gradient.
        """
        bounds = _bounds(self.attack, subject)
        eps = 10 * self._largest
        if bounds is not None and math.isfinite(bounds.largest):
            eps = bounds.largest
        steps = max(10, self.attack.steps)
        far = {"eps": eps, "step": eps / 4, "steps": steps, "norm": "linf"}
        return _plain(self.attack, start="none", restarts=1, **far)


def _plain(attack: Attack, **changes: Any) -> Attack:
    """Return projected gradient ascent with an attack's settings, but for some."""
    return Attack(**{field.name: getattr(attack, field.name) for field in fields(Attack)} | changes)


def _bounds(attack: Attack, subject: Subject) -> Bounds | None:
    """Return the bounds that an attack has to keep; None at hidden points."""
    at_input = attack.place(subject.model) == "input"
    return Training(subject.data).bounds() if at_input else None


def _words(attack: Attack, subject: Subject) -> str:
    """Return what sizes are measured in."""
    return (_bounds(attack, subject) or Bounds.hidden(torch.ones(1))).words
