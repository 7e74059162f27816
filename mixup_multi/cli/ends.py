"""How commands end: every way out is an exit code of `exits`, and at most one message."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

from mixup_multi.cli import exits
from mixup_multi.cli.exits import PipeClosed, StdoutError, Stopped
from mixup_multi.cli.stops import Stops
from mixup_multi.cli.streams import prepare, write_to_nobody
from mixup_multi.errors import MixupMultiError

NAME = "mixup-multi"


def run_to_the_end() -> int:
    """Run the command that was given, say what ended it early, and return the exit code."""
    prepare()
    stops = Stops()
    with stops.heard():
        code = _code_of(_command, stops)
        # What is still in the buffer fails here, where it can be answered, or at the very end.
        return _code_of(_flushed, stops) or code


def _command() -> int:
    from mixup_multi.cli.app import app
    from mixup_multi.cli.completion_bash import complete

    return complete(lambda: app(prog_name=NAME, standalone_mode=False) or exits.DONE)


def _flushed() -> int:
    sys.stdout.flush()
    return exits.DONE


def _code_of(act: Callable[[], int], stops: Stops) -> int:
    """Return what `act` returns, or what became of it."""
    try:
        return act()
    except (KeyboardInterrupt, Stopped) as stop:
        code = stop.code if isinstance(stop, Stopped) else exits.code_of(stop)
        return _said("Stopped", "stopped", code)
    except PipeClosed:
        write_to_nobody()
        return exits.PIPE_CLOSED
    except StdoutError as error:
        write_to_nobody()
        return _mistake("OutputError", f"stdout cannot be written ({error})")
    except Exception as error:
        if stops.code:  # what a stop has become on its way through the import of others
            return _said("Stopped", "stopped", stops.code)
        return _otherwise(error)


def _otherwise(error: Exception) -> int:
    """Say what is wrong, or raise it, where it is a defect."""
    if isinstance(error, MixupMultiError):
        return _mistake(type(error).__name__, str(error))
    if isinstance(error, ModuleNotFoundError):
        if (error.name or "mixup_multi").startswith("mixup_multi"):
            raise error
        return _mistake("MissingPackage", _absent(error))
    if hasattr(error, "format_message"):  # click's complaint of a command line
        from mixup_multi.cli.program import told

        return _mistake("UsageError", told(error))
    raise error


def _mistake(kind: str, message: str) -> int:
    return _said(kind, message, exits.MISTAKE)


def _said(kind: str, message: str, code: int) -> int:
    """Say what ended the command; with `--json` stdout says it too."""
    with suppress(OSError):
        sys.stderr.write(f"{NAME}: {message}\n")
    if "--json" in sys.argv:
        from mixup_multi.cli.terminal import json_text

        error = {"kind": kind, "message": message}
        with suppress(PipeClosed, StdoutError):
            sys.stdout.write(json_text({"exit_code": code, "error": error}))
    return code


def _absent(error: ModuleNotFoundError) -> str:
    package = (error.name or "").partition(".")[0]
    return f"this needs the package {package}, which is not installed; see `{NAME} doctor`"
