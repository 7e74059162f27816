"""What it costs to import mixup_multi, and how soon `mixup-multi --help` and the Tab key answer.

Every timing is a fresh process, interpreter start included: `import torch` against the import of
mixup_multi that loads `mixup_multi.MixupE`; and the wall time of `mixup-multi --help`, which must
not import torch.

Floors: the import at most 1.1 x that of torch; the help and a completion in under 0.5 s.

    python benchmarks/import_time.py [--rounds 11]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Callable

from _timing import Row, machine, print_rows, print_seconds, race

COMMAND = [sys.executable, "-m", "mixup_multi"]
HELP_THEN_MODULES = """
import sys
from mixup_multi.cli import main
sys.argv = ["mixup-multi", "--help"]
try:
    main()
finally:
    sys.exit("torch" in sys.modules)
"""


def process(*command: str) -> Callable[[], object]:
    """Return a call that runs a process and waits for its end."""
    return lambda: subprocess.run(command, check=True, capture_output=True)


def completion(line: str) -> Callable[[], object]:
    """Return a call that asks for completions of a line's last word, as bash does."""
    asked = {
        "_MIXUP_MULTI_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    return lambda: subprocess.run(COMMAND, env={**os.environ, **asked}, capture_output=True)


def help_imports_torch() -> bool:
    """Return whether torch is loaded once the help has been printed."""
    ran = subprocess.run([sys.executable, "-c", HELP_THEN_MODULES], capture_output=True)
    return ran.returncode != 0


def main() -> None:
    """Run the comparisons and print them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=11)
    options = parser.parse_args()
    seconds = race(
        {
            "torch": process(sys.executable, "-c", "import torch"),
            "ours": process(sys.executable, "-c", "import mixup_multi; mixup_multi.MixupE"),
            "help": process(*COMMAND, "--help"),
            "recipes": completion("mixup-multi run qui"),
            "data sets": completion("mixup-multi data verify images/"),
        },
        options.rounds,
    )
    row = Row("import mixup_multi.MixupE, import torch", seconds["ours"], seconds["torch"], 1.1)
    print_rows(f"fresh processes ({machine()})", [row])
    print_seconds("mixup-multi --help", seconds["help"], below=0.5)
    for what in ("recipes", "data sets"):
        print_seconds(f"completion of {what}", seconds[what], below=0.5)
    print(f"mixup-multi --help imports torch: {'YES' if help_imports_torch() else 'no'}")


if __name__ == "__main__":
    main()
