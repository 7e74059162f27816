"""Members and rules of `mixup_multi.testing`, a test for each pair."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from mixup_multi.testing import Rule, rules


def each_rule(kind: str, cases: Iterable[Any]) -> pytest.MarkDecorator:
    """Return the mark that gives a test a member's `case` and a `rule` of its kind."""
    pairs = [
        pytest.param(case, rule, id=f"{case.label}-{rule.name}")
        for case in cases
        for rule in rules(kind)
    ]
    return pytest.mark.parametrize(("case", "rule"), pairs)


def hold(case: Any, rule: Rule) -> None:
    """Fail where the member breaks the rule; skip, saying why, where it does not apply."""
    outcome = rule.hold(case)
    if outcome.status == "skipped":
        pytest.skip(outcome.said)
