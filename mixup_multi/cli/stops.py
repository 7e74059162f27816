"""Hearing Ctrl-C and SIGTERM while a command runs, so that neither is lost or ends in a traceback.

Python raises a stop wherever it happens to be. In a callback of the garbage collector it is
swallowed; in the import of a compiled module it may come out as any other exception.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mixup_multi.cli.exits import DONE, Terminated, code_of

SECONDS = 0.02
"""After so long a stop that was swallowed is sent again."""
OURS = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
"""What we replace; the handlers of others stay."""


class Stops:
    """The stops that were asked for.

    Attributes:
        code: the exit code that the last one asks for; 0 before there was any.
    """

    def __init__(self) -> None:
        self.code = DONE

    @contextmanager
    def heard(self) -> Iterator[None]:
        """Hear them, in the main thread."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.getsignal(number) for number in OURS}
        hook, sys.unraisablehook = sys.unraisablehook, self._swallowed
        for number, usual in OURS.items():
            if before[number] is usual:
                signal.signal(number, self._stop)
        try:
            yield
        finally:
            sys.unraisablehook = hook
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, _: Any) -> None:
        stop = Terminated() if number == signal.SIGTERM else KeyboardInterrupt()
        self.code = code_of(stop)
        raise stop

    def _swallowed(self, unraisable: Any) -> None:
        """Send a stop again that was raised where exceptions are only printed."""
        stop = unraisable.exc_value
        if not isinstance(stop, KeyboardInterrupt):
            sys.__unraisablehook__(unraisable)
            return
        number = signal.SIGTERM if isinstance(stop, Terminated) else signal.SIGINT
        threading.Timer(SECONDS, os.kill, (os.getpid(), number)).start()
