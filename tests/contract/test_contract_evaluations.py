"""Every registered evaluation keeps the contract of `mixup_multi.testing`; see the entry points."""

from __future__ import annotations

from typing import Any

from contracts import each_rule, hold

from mixup_multi import door
from mixup_multi.testing import Rule
from mixup_multi.testing.evaluations import EvaluationCase
from mixup_multi.testing.members import given_as
from mixup_multi.testing.subject import trained

NEEDED: dict[str, dict[str, Any]] = {
    "deformation": {"kind": "stretch", "range": 10.0},
    "robustness": {"attack": {"name": "fgsm", "eps": 0.3}},
}
"""Settings that have no default, or none that fits every data set."""


def cases() -> list[EvaluationCase]:
    subject = trained()
    names = door.names(door.EVALUATIONS)
    given = [given_as(door.EVALUATIONS, name, ("measure",), NEEDED.get(name)) for name in names]
    return [EvaluationCase(one, subject) for one in given]


@each_rule("evaluation", cases())
def test_an_evaluation_keeps_its_contract(case: EvaluationCase, rule: Rule) -> None:
    hold(case, rule)
