"""Every registered attack keeps the contract of `mixup_multi.testing`; see the entry points."""

from __future__ import annotations

from contracts import each_rule, hold

from mixup_multi import door
from mixup_multi.testing import Rule
from mixup_multi.testing.attacks import GROUP, AttackCase
from mixup_multi.testing.members import given_as


def cases() -> list[AttackCase]:
    return [AttackCase(given_as(GROUP, name, ("perturb",))) for name in door.names(GROUP)]


@each_rule("attack", cases())
def test_an_attack_keeps_its_contract(case: AttackCase, rule: Rule) -> None:
    hold(case, rule)
