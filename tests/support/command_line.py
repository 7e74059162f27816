"""The command as a user runs it: in a process of its own, or in this one where that is enough."""

from __future__ import annotations

import atexit
import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from mixup_multi.cli import main

WIDE = {"COLUMNS": "200"}


@dataclass(frozen=True)
class Said:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str


def _command(arguments: tuple[object, ...]) -> list[str]:
    return [sys.executable, "-m", "mixup_multi", *map(str, arguments)]


def mixup_multi(
    *arguments: object, cwd: Path | None = None, environment: Mapping[str, str] | None = None
) -> Said:
    """Run the command in a process of its own to its end."""
    done = subprocess.run(
        _command(arguments),
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=600,
        cwd=cwd,
        env={**os.environ, **WIDE} if environment is None else dict(environment),
    )
    return Said(done.returncode, done.stdout, done.stderr)


def start(*arguments: object) -> subprocess.Popen[str]:
    """Start the command in a process and session of its own; its stderr joins its stdout."""
    process = subprocess.Popen(
        _command(arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **WIDE},
        start_new_session=True,
        preexec_fn=_hear_ctrl_c,
    )
    atexit.register(_end, process)  # where a test fails before it has ended the command
    return process


def _end(process: subprocess.Popen[str]) -> None:
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)


def _hear_ctrl_c() -> None:
    """Hear Ctrl-C as in a terminal, also where these tests run in the background of a shell."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def invoke(*arguments: object) -> Said:
    """Run the command in this process; a defect's exception is raised here, with its traceback."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        mock.patch.object(sys, "argv", ["mixup-multi", *map(str, arguments)]),
        mock.patch.object(sys, "path", list(sys.path)),
        mock.patch.dict(os.environ, {**WIDE, "TERM": "dumb"}),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else int(bool(stopped.code))
    return Said(code, out.getvalue(), err.getvalue())
