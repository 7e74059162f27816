"""The command line. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import os
import sys

from mixup_multi.cli import exits


def main() -> None:
    """Run the command; whatever ends it early is one message and an exit code of `exits`."""
    # Threads that spin at every barrier of a small step wait for cores that others have: on a
    # busy machine of 2 cores a cell of 240 such steps took 16 to 39 s, and 0.4 to 0.7 s so.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        sys.path.append(os.getcwd())  # noqa: PTH109 - pathlib is what Ctrl-C would interrupt here
        from mixup_multi.cli.ends import run_to_the_end

        code = run_to_the_end()
    except KeyboardInterrupt as stop:  # while that was being imported
        sys.stderr.write("mixup-multi: stopped\n")
        code = exits.code_of(stop)
    sys.exit(code)
