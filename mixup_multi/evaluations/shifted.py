"""A trained model beside other examples than those that it was to be tested on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from mixup_multi.engine.source import Source
from mixup_multi.evaluations.error import Error
from mixup_multi.evaluations.evaluation import Evaluation, Subject
from mixup_multi.predict import Predictor

Held = Literal["test", "validation"]
"""The parts that can be shifted: a predictor's pool is the training part, and stays clean."""


@dataclass(frozen=True, kw_only=True)
class OfShifted(Evaluation):
    """An evaluation that asks for the error on shifted examples; members document the fields."""

    part: Held = "test"
    predictor: Predictor | None = None
    rows: int | None = None
    batch_size: int = 512
    seed: int = 0

    def error(self) -> Error:
        """Return the evaluation of each of the shifted parts."""
        return Error(
            part=self.part,
            predictor=self.predictor,
            rows=self.rows,
            batch_size=self.batch_size,
            seed=self.seed,
        )


def shifted(subject: Subject, part: Held, source: Source) -> Subject:
    """Return `subject` with the examples of `source` for a part, of which nothing is stored."""
    model, there = subject.model, source.to(subject.device)
    if part == "test":
        data = replace(subject.data, test=there)
    else:
        data = replace(subject.data, validation=there)
    return replace(subject, load=lambda: model, data=data, stored={})
