"""How long the quickstart takes: `mixup-multi run quickstart`, in a process of its own.

Output and prepared data go to a temporary folder, so nothing is left over from an earlier run.

Floor: under 180 s on 2 cores, with no network.

    python benchmarks/quickstart.py
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _timing import machine, print_seconds


def main() -> None:
    """Run the quickstart and print its table and its wall time."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        began = time.perf_counter()
        ran = subprocess.run(
            [sys.executable, "-m", "mixup_multi", "run", "quickstart", "--out", str(home / "out")],
            env={**os.environ, "MIXUP_MULTI_CACHE": str(home / "cache")},
        )
        seconds = time.perf_counter() - began
    if ran.returncode:
        raise SystemExit(f"the quickstart failed with exit code {ran.returncode}")
    print_seconds(f"mixup-multi run quickstart ({machine()})", [seconds], below=180)


if __name__ == "__main__":
    main()
