"""A proof that a rule is not vacuous: a member that breaks it, and no other."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mixup_multi.errors import MixupMultiError
from mixup_multi.testing import ContractError, rules

Table = Mapping[str, tuple[Any, str]]
"""By rule: what makes a member that breaks it, and a pattern of the message."""


def variant(base: type, **changes: Any) -> type:
    """Return a class that differs from a good one in what is given."""
    body = {"__doc__": "A stranger's mistake.", "__module__": base.__module__, **changes}
    return type(f"Bad{base.__name__}", (base,), body)


def each(table: Table) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("rule", list(table))


def is_complete(kind: str, table: Table) -> None:
    """Assert that every rule has its broken member, and every broken member its rule."""
    assert list(table) == [rule.name for rule in rules(kind)]


def breaks_only(rule: str, check: Callable[[], object], pattern: str) -> None:
    """Assert that a check fails by one rule only, with a message that teaches."""
    with pytest.raises(ContractError) as raised:
        check()
    assert [one.rule.name for one in raised.value.failures] == [rule], str(raised.value)
    message = str(raised.value)
    assert re.search(pattern, message), message
    says = raised.value.failures[0].rule.says
    assert says in message
    assert says.endswith(".")
    own = raised.value.failures[0].error  # an error of ours has its way out in it
    assert "mend:" in message or isinstance(own, MixupMultiError)
