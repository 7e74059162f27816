"""The exit codes: what they are, what they mean, and the exceptions that end a command with one.

The help pages and docs/howto/terminal.md say what stands here, and the tests compare them.
"""

from __future__ import annotations

DONE = 0
DEFECT = 1
MISTAKE = 2
INTERRUPTED = 130
PIPE_CLOSED = 141
TERMINATED = 143

MEANINGS = {
    DONE: "all is done",
    DEFECT: "a defect of the program: a traceback, please report it",
    MISTAKE: "a mistake in what was given, or something failed",
    INTERRUPTED: "stopped by Ctrl-C",
    PIPE_CLOSED: "whatever read the output has gone, as in `| head`",
    TERMINATED: "stopped by SIGTERM, as from a job scheduler",
}
"""What each exit code means; from 130 on they are those that shells give for the signals."""


class Terminated(KeyboardInterrupt):
    """SIGTERM, which ends a command as Ctrl-C does: what is done is kept."""


class Stopped(Exception):  # noqa: N818 - no error
    """Ctrl-C or SIGTERM where a command has nothing of its own to say of it."""

    def __init__(self, cause: KeyboardInterrupt) -> None:
        super().__init__("stopped")
        self.code = code_of(cause)


class PipeClosed(BaseException):
    """Whatever read the output has gone: no failure of the cell that was being trained."""


class StdoutError(BaseException):
    """stdout cannot be written, e.g. to a full disk; no failure of the cell either."""


def code_of(stop: KeyboardInterrupt) -> int:
    """Return the exit code of a command that was stopped."""
    return TERMINATED if isinstance(stop, Terminated) else INTERRUPTED
