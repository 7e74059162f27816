"""Checks that a framework's training goes through the method: plain training looks just like it.

A mixin behind the framework's own class, or a training step that never asks for the method's loss,
trains without a method, and nothing else would tell.
"""

from __future__ import annotations

from mixup_multi.errors import SettingError
from mixup_multi.integrations.loop.method import Method

FIRST = 50
"""Steps after which a method that has computed nothing is taken for one that is not used."""


def check_order(kind: type, mixin: type, frameworks: tuple[str, ...], step: str) -> None:
    """Raise where a framework's class stands before the mixin, so that its own step is taken.

    Args:
        kind: the class that is made.
        mixin: the mixin among its bases.
        frameworks: how the names of the framework's modules begin.
        step: the name of the method that the mixin is there to override.

    Raises:
        SettingError: it does.
    """
    order = kind.__mro__
    for base in order[: order.index(mixin)]:
        if base.__module__.startswith(frameworks) and step in vars(base):
            raise SettingError(
                f"{base.__name__} stands before {mixin.__name__} among the bases of"
                f" {kind.__name__}, so its own {step} is taken and nothing is mixed: expected the"
                f" mixin first, class {kind.__name__}({mixin.__name__}, ...)"
            )


class Watch:
    """Counts a training's steps until the method has computed its first loss.

    Args:
        step: the name of the user's method that may have left the loss out.
        call: what it should have called.
    """

    def __init__(self, step: str, call: str) -> None:
        self._step, self._call = step, call
        self._before: int | None = None
        self._taken = 0

    def start(self, method: Method) -> None:
        """Begin to count, at the beginning of a training."""
        self._before, self._taken = method.steps, 0

    def count(self, method: Method) -> None:
        """Take note of a step that has ended.

        Raises:
            SettingError: it is the last of the first ones, and none was the method's.
        """
        self._taken += 1
        if self._taken >= FIRST:
            self.check(method)

    def check(self, method: Method) -> None:
        """Look, at the end of an epoch, whether the method has computed a loss.

        Raises:
            SettingError: it has not, and steps were taken.
        """
        if method.steps != self._before:
            self._before = None  # which no count equals: there is nothing more to find out
        elif self._taken:
            raise not_used(self._step, self._call, self._taken)


def not_used(step: str, call: str, taken: int | str) -> SettingError:
    """Return what is said where `taken` steps have passed the method by."""
    return SettingError(
        f"{taken} training steps were taken and none was the method's: your {step} never called"
        f" {call}, so nothing was mixed. Remove your {step}, or call it there (in epochs that"
        ' shall not mix, with Method("erm"))'
    )
