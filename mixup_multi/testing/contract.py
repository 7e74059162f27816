"""Rules, what is said when one is broken, and the report of those that held.

A rule is a function of a case (a member, with what is needed to try it) whose docstring says in
one sentence what every member keeps to. It returns where the rule holds, and otherwise calls
`broken` with what was found and how to mend it, `skip` with why it has no meaning there, or
`unchecked` where another rule's mistake is in its way.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NoReturn, Protocol

import torch

from mixup_multi.errors import MixupMultiError, SettingError, did_you_mean

Status = Literal["passed", "failed", "skipped", "unchecked"]


class Case(Protocol):
    """A member, with what is needed to try it."""

    @property
    def label(self) -> str:
        """What the member is called in messages."""


class ContractError(AssertionError):
    """A member breaks its contract; the message says which rules, what was found, what to do.

    Attributes:
        failures: the rules that are broken, in their order.
    """

    def __init__(self, message: str, failures: Sequence[Outcome]) -> None:
        super().__init__(message)
        self.failures = tuple(failures)


class _BrokenError(Exception):
    def __init__(self, found: str, mend: str) -> None:
        super().__init__(found)
        self.found, self.mend = found, mend


class _SkippedError(Exception):
    """A rule has no meaning for this member."""


class _UncheckedError(Exception):
    """A rule cannot be tried before another one's mistake is mended."""


def broken(found: str, mend: str) -> NoReturn:
    """Say that a rule is broken: what was found, and how to mend it."""
    raise _BrokenError(found, mend)


def require(holds: bool, found: str, mend: str) -> None:
    """Say that a rule is broken where `holds` is false."""
    if not holds:
        broken(found, mend)


def skip(why: str) -> NoReturn:
    """Say that a rule has no meaning for this member."""
    raise _SkippedError(why)


def unchecked(why: str) -> NoReturn:
    """Say that a rule cannot be tried before what another one has found is mended."""
    raise _UncheckedError(why)


def broken_by(error: Exception, mend: str, where: str = "") -> NoReturn:
    """Say that a rule is broken by what was raised; a `MixupMultiError` says itself what to do."""
    broken(where + raised(error), "" if isinstance(error, MixupMultiError) else mend)


@dataclass(frozen=True)
class Rule:
    """One sentence of a contract, with the function that looks whether it holds.

    Attributes:
        kind: whose contract: `objective`, `blend`, `dataset`, ...
        name: of the function.
        says: the sentence.
        check: `check(case)`.
    """

    kind: str
    name: str
    says: str
    check: Callable[[Any], None]

    def judge(self, case: Case) -> Outcome:
        """Return whether the rule holds; an unexpected exception breaks it too."""
        try:
            self.check(case)
        except _SkippedError as why:
            return Outcome(self, case.label, "skipped", str(why))
        except _UncheckedError as why:
            return Outcome(self, case.label, "unchecked", str(why))
        except _BrokenError as found:
            return Outcome(self, case.label, "failed", found.found, found.mend)
        except Exception as error:
            mend = "" if isinstance(error, MixupMultiError) else _MEND_RAISED
            return Outcome(self, case.label, "failed", raised(error), mend, error)
        return Outcome(self, case.label, "passed")

    def hold(self, case: Case) -> Outcome:
        """Return the outcome; raise `ContractError` where the rule is broken."""
        outcome = self.judge(case)
        report(case.label, [outcome])
        return outcome


_MEND_RAISED = (
    "nothing may be raised here; what a user can mend is a MixupMultiError (PointError,"
    " SettingError) that says what was given, what was expected and the way out"
)


@dataclass(frozen=True)
class Outcome:
    """What came of a rule.

    Attributes:
        rule: the rule.
        subject: what was looked at, e.g. `digits` of an adapter.
        status: `passed`, `failed`, `skipped` where the rule does not apply, or `unchecked` where
            another one's mistake is in its way.
        said: what was found, or why it does not apply.
        mend: how to mend it; empty where what was found says it.
        error: what was raised unexpectedly, if anything.
    """

    rule: Rule
    subject: str
    status: Status
    said: str = ""
    mend: str = ""
    error: Exception | None = None

    @property
    def name(self) -> str:
        """The subject and the rule, e.g. `digits: ids_are_unique`."""
        return f"{self.subject}: {self.rule.name}"

    def __str__(self) -> str:
        mend = f"\n  mend:  {self.mend}" if self.mend else ""
        return f"{self.name}\n  rule:  {self.rule.says}\n  found: {self.said}{mend}"


@dataclass(frozen=True)
class Checked:
    """The report on a member that breaks no rule.

    Attributes:
        member: what was checked.
        passed: the checks that passed, as `subject: rule`.
        skipped: those that did not apply, with why.
    """

    member: str
    passed: tuple[str, ...]
    skipped: dict[str, str]

    def __str__(self) -> str:
        lines = [f"{self.member}: {len(self.passed)} checks passed"]
        lines[0] += "" if self.passed else " (nothing was checked)"
        if self.skipped:
            lines[0] += f", {len(self.skipped)} did not apply"
        return "\n".join([*lines, *(f"  - {name}: {why}" for name, why in self.skipped.items())])


def report(member: str, outcomes: Sequence[Outcome]) -> Checked:
    """Return the report; raise one `ContractError` with all that is broken.

    Raises:
        ContractError: one rule or more is broken, or could not be tried.
    """
    failures = [outcome for outcome in outcomes if outcome.status == "failed"]
    waiting = [outcome for outcome in outcomes if outcome.status == "unchecked"]
    if not failures and not waiting:
        passed = tuple(outcome.name for outcome in outcomes if outcome.status == "passed")
        skipped = {one.name: one.said for one in outcomes if one.status == "skipped"}
        return Checked(member, passed, skipped)
    many = "1 rule" if len(failures) == 1 else f"{len(failures)} rules"
    head = f"{member} breaks {many} of its contract" if failures else f"{member}: not checked"
    message = "\n\n".join([head, *map(str, failures), *_waiting(waiting)])
    cause = next((one.error for one in failures if one.error is not None), None)
    raise ContractError(message, failures) from cause


def _waiting(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a paragraph for each reason for which rules could not be tried."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for one in outcomes:
        reasons.setdefault((one.subject, one.said), []).append(one.rule.name)
    return [
        f"{subject}: not checked: {', '.join(names)}\n  since: {why}"
        for (subject, why), names in reasons.items()
    ]


def run(
    member: str, cases: Iterable[tuple[str, Case]], only: str | Iterable[str] | None = None
) -> Checked:
    """Check cases against the rules of their kinds, and report on all of them at once.

    Args:
        member: what is checked, for messages.
        cases: pairs of a kind and a case of that kind.
        only: names of rules or of cases; None for all.

    Raises:
        SettingError: `only` is empty, or names what is not there.
    """
    pairs = [(case, rule) for kind, case in cases for rule in BOOK[kind]]
    if only is not None:
        wanted = {only} if isinstance(only, str) else set(only)
        if not wanted:
            raise SettingError("only is empty: expected names of rules, or None for all", ("only",))
        known = {case.label for case, _ in pairs} | {rule.name for _, rule in pairs}
        for name in sorted(wanted - known):
            raise SettingError(f"only names {name!r}{did_you_mean(name, known)}", ("only",))
        pairs = [(case, one) for case, one in pairs if wanted & {case.label, one.name}]
    return report(member, [one.judge(case) for case, one in pairs])


BOOK: dict[str, list[Rule]] = {}
"""The rules of each kind, in the order in which they are checked."""


def rule(*kinds: str) -> Callable[[Callable[[Any], None]], Callable[[Any], None]]:
    """Enter a function into the contracts of `kinds`; its docstring begins with the rule."""

    def enter(check: Callable[[Any], None]) -> Callable[[Any], None]:
        says = " ".join((inspect.getdoc(check) or "").partition("\n\n")[0].split())
        for kind in kinds:
            BOOK.setdefault(kind, []).append(Rule(kind, check.__name__, says, check))
        return check

    return enter


_OURS = tuple(str(Path(str(file)).parent) for file in (torch.__file__, Path(__file__).parent))


def raised(error: BaseException) -> str:
    """Return what was raised, and where in the code of the member, for a message."""
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if not frame.filename.startswith((*_OURS, "<"))]
    deepest = (theirs or frames)[-1:]
    where = "".join(f" at {frame.filename}:{frame.lineno}" for frame in deepest)
    return f"{type(error).__name__}: {error}{where}"
