"""The command line. Nothing here imports torch before a command needs it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from mixup_multi.cli.app import app
from mixup_multi.errors import MixupMultiError


def main() -> None:
    """Run the command; a mistake of the user's is one message and exit code 2."""
    # Threads that spin at every barrier of a small step wait for cores that others have: on a
    # busy machine of 2 cores a cell of 240 such steps took 16 to 39 s, and 0.4 to 0.7 s so.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sys.path.append(str(Path.cwd()))  # so that a recipe's module:Class may lie in this folder
    try:
        app()
    except MixupMultiError as error:
        sys.stderr.write(f"mixup-multi: {error}\n")
        sys.exit(2)
