"""A trained model beside other examples than those that it was to be tested on."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from mixup_multi.engine.source import Source
from mixup_multi.evaluations.evaluation import Subject

Held = Literal["test", "validation"]
"""The parts that can be shifted: a predictor's pool is the training part, and stays clean."""


def shifted(subject: Subject, part: Held, source: Source) -> Subject:
    """Return `subject` with the examples of `source` for a part, of which nothing is stored."""
    model, there = subject.model, source.to(subject.device)
    if part == "test":
        data = replace(subject.data, test=there)
    else:
        data = replace(subject.data, validation=there)
    return replace(subject, load=lambda: model, data=data, stored={})
