"""Every registered blend keeps the contract of `mixup_multi.testing`; see the entry points."""

from __future__ import annotations

from typing import Any

from contracts import each_rule, hold

from mixup_multi import door
from mixup_multi.testing import Rule
from mixup_multi.testing.blend_case import GROUP, blend_case

NAMES = door.names(GROUP)


def test_the_papers_blends_are_registered() -> None:
    assert {"linear", "cut"} <= set(NAMES)


@each_rule("blend", map(blend_case, NAMES))
def test_a_blend_keeps_its_contract(case: Any, rule: Rule) -> None:
    hold(case, rule)
