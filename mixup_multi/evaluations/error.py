"""The error of a model, plain or behind a predictor, on clean or attacked examples.

The attack sees the plain model, as in the papers, or the predictor itself where it is adaptive.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from mixup_multi.attacks import Attack
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.engine.training import Training
from mixup_multi.errors import SettingError
from mixup_multi.evaluations.evaluation import Evaluation, Measured, Part, Subject, check_counts
from mixup_multi.points import offered_points
from mixup_multi.predict import Predictor, as_model
from mixup_multi.streams import seed_of


@dataclass(frozen=True, kw_only=True)
class Error(Evaluation):
    """Error in percent on a part of the data, under attack and behind a predictor if asked.

    Attributes:
        part: whose examples.
        attack: what is done to them first; None for nothing.
        predictor: how the model is asked; None for plainly.
        adaptive: whether the attack sees the predictor, instead of the plain model.
        rows: how many examples, drawn by the seed; None for all.
        batch_size: examples at a time. What is drawn (an attack's starts, a predictor's samples)
            is drawn for each batch, so compare models at one batch size.
        seed: of the examples, of the attack's starts and of the predictor's draws.

    Raises:
        SettingError: a value is out of its range, or an adaptive attack lacks its predictor.
    """

    part: Part = "test"
    attack: Attack | None = None
    predictor: Predictor | None = None
    adaptive: bool = False
    rows: int | None = None
    batch_size: int = 512
    seed: int = 0

    def __post_init__(self) -> None:
        check_counts(rows=self.rows, batch_size=self.batch_size)
        if self.adaptive and (self.attack is None or self.predictor is None):
            raise SettingError(
                "adaptive says that the attack sees the predictor: expected both an attack and a"
                " predictor beside it",
                ("adaptive",),
            )

    def check(self, subject: Subject) -> None:
        """Raise where there is no such part, or the attack or the predictor does not fit."""
        subject.part(self.part)
        self._check_attack(subject)
        self._fitted(subject)

    def _check_attack(self, subject: Subject) -> None:
        if self.attack is None:
            return
        self.attack.check(subject.model, _bounds(subject))
        place, first = self.attack.place(subject.model), offered_points(subject.model)[0]
        if self.predictor is not None and place != first:
            raise SettingError(
                f"the attack is at {place!r}, where a predictor's many samples pass for each row:"
                f" expected the model's first point, {first!r}, or no predictor",
                ("attack", "point"),
            )

    def measure(self, subject: Subject) -> Measured:
        """Return `error` in percent, and `rows`: how many examples it is of."""
        self._check_attack(subject)
        predictor = self._fitted(subject)
        wrong = []
        batches = subject.batches(self.part, self.rows, self.batch_size, self.seed)
        for number, clean in enumerate(batches):
            model, batch = self._asked(subject, predictor, clean, number)
            with torch.no_grad():
                logits = model(batch.inputs).float()
            wrong.append(subject.loss_fn.error(logits, batch.targets).double().cpu())
        errors = torch.cat(wrong)
        return Measured({"error": 100 * float(errors.mean()), "rows": float(len(errors))})

    def _fitted(self, subject: Subject) -> Predictor | None:
        if self.predictor is None:
            return None
        self.predictor.check(subject.model)
        return self.predictor.fit(Training(subject.data)).to(subject.device)

    def _asked(
        self, subject: Subject, predictor: Predictor | None, clean: Batch, number: int
    ) -> tuple[nn.Module, Batch]:
        """Return what is asked, and of which examples."""
        judge, seed = subject.loss_fn, seed_of(self.seed, f"batch {number}")
        rows = clean.rows if self.part == "train" else None

        def behind(model: nn.Module) -> nn.Module:
            return model if predictor is None else as_model(predictor, model, seed, judge, rows)

        if self.attack is None:
            return behind(subject.model), clean
        seen = behind(subject.model) if self.adaptive else subject.model
        moved, batch = self.attack.perturb(seen, clean, _bounds(subject), seed, judge)
        return (moved if self.adaptive else behind(moved)), batch


def _bounds(subject: Subject) -> Bounds | None:
    return Training(subject.data).bounds()
