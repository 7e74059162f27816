"""How commands end: every way out is an exit code of `exits`, and at most one message."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from mixup_multi.cli import exits
from mixup_multi.cli.exits import PipeClosed, Stopped, Terminated
from mixup_multi.errors import MixupMultiError

NAME = "mixup-multi"


def run_to_the_end() -> int:
    """Run the command that was given, say what ended it early, and return the exit code."""
    with _sigterm_like_ctrl_c():
        code = _code_of(_command)
        # What is still in the buffer fails here, where it can be answered, or at the very end.
        return _code_of(_flushed) or code


def _command() -> int:
    from mixup_multi.cli.app import app
    from mixup_multi.cli.plain import forgive

    for stream in (sys.stdout, sys.stderr):
        forgive(stream)
    return app(prog_name=NAME, standalone_mode=False) or exits.DONE


def _flushed() -> int:
    sys.stdout.flush()
    return exits.DONE


def _code_of(act: Callable[[], int]) -> int:
    """Return what `act` returns, or what became of it."""
    try:
        return act()
    except MixupMultiError as error:
        return _mistake(type(error).__name__, str(error))
    except (KeyboardInterrupt, Stopped) as stop:
        code = stop.code if isinstance(stop, Stopped) else exits.code_of(stop)
        return _said("Stopped", "stopped", code)
    except (PipeClosed, BrokenPipeError):
        _write_to_nobody()
        return exits.PIPE_CLOSED
    except ModuleNotFoundError as error:
        if (error.name or "mixup_multi").startswith("mixup_multi"):
            raise
        return _mistake("MissingPackage", f"{_absent(error)}; `{NAME} doctor` says what else")
    except OSError as error:
        if not _stdout_fails():
            raise
        _write_to_nobody()
        return _mistake("OutputError", f"stdout cannot be written ({error.strerror})")
    except Exception as error:
        if not hasattr(error, "format_message"):  # click's complaints of a command line
            raise
        from mixup_multi.cli.program import told

        return _mistake("UsageError", told(error))


def _mistake(kind: str, message: str) -> int:
    return _said(kind, message, exits.MISTAKE)


def _said(kind: str, message: str, code: int) -> int:
    """Say what ended the command; with `--json` stdout says it too."""
    sys.stderr.write(f"{NAME}: {message}\n")
    if "--json" in sys.argv:
        from mixup_multi.cli.terminal import json_text

        error = {"kind": kind, "message": message}
        with suppress(OSError):
            sys.stdout.write(json_text({"exit_code": code, "error": error}))
    return code


def _absent(error: ModuleNotFoundError) -> str:
    return f"the package {(error.name or '').partition('.')[0]}, which this needs, is not installed"


def _stdout_fails() -> bool:
    """Return whether it is stdout that cannot be written, and not a file: it fails once more."""
    try:
        sys.stdout.flush()
    except OSError:
        return True
    return False


def _write_to_nobody() -> None:
    """Point stdout to nothing, so that the interpreter does not fail on it once more."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _sigterm_like_ctrl_c() -> Iterator[None]:
    """Let SIGTERM end a command as Ctrl-C does; another's handler of it stays."""

    def terminate(*_: Any) -> None:
        raise Terminated

    ours = threading.current_thread() is threading.main_thread() and (
        signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    )
    if ours:
        signal.signal(signal.SIGTERM, terminate)
    try:
        yield
    finally:
        if ours:
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
