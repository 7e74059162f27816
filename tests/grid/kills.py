"""Kills a grid at random moments, again and again, and lets it end; for test_kills.py.

    python tests/grid/kills.py RECIPE OUT --kills 50 --seed 1

A process that has imported everything forks a child, which runs the grid below OUT/0; the child
is killed (kill -9) after a random time, at most what the whole grid takes. Now and then one of
the newest files is then cut short or gets a flipped bit, as a power cut or a bad disk might have
it. When the grid is done, another begins below OUT/1, and so on; the last runs to its end. Prints
one JSON object: the seconds of a whole grid, and for each of them how many cells were done at each
kill, what was damaged, and how many epochs were trained.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import time
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from mixup_multi.cli.plan import distinct_cells, plan
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.run import run_cells


class Silent:
    """A watcher that writes a byte an epoch."""

    def __init__(self, counter: int) -> None:
        self.counter = counter

    def cell_starts(self, cell: Any) -> None: ...
    def cell_ends(self, cell: Any, result: Any, *, fresh: bool) -> None: ...
    def cell_fails(self, cell: Any, message: str, *, fresh: bool) -> None: ...
    def says(self, message: str) -> None: ...

    def epoch_ends(self, cell: Any, record: Any) -> None:
        os.write(self.counter, b".")


def child(cells: list[Any], site: Site, counter: int) -> int:
    """Fork a process that runs the grid, and return its number."""
    pid = os.fork()
    if pid:
        return pid
    try:
        failed = run_cells(cells, site, Silent(counter))
        os._exit(3 if failed else 0)
    except BaseException:
        import traceback

        traceback.print_exc()
        os._exit(4)


def damage(out: Path, rng: random.Random) -> str:
    """Cut one of the three newest files short, or flip a bit of it."""
    files = [path for path in out.rglob("*") if path.is_file() and path.stat().st_size]
    if not files:
        return "nothing"
    newest = rng.choice(sorted(files, key=lambda path: path.stat().st_mtime_ns)[-3:])
    content = bytearray(newest.read_bytes())
    place = rng.randrange(len(content))
    if rng.random() < 0.5:
        del content[place:]
    else:
        content[place] ^= 1 << rng.randrange(8)
    newest.write_bytes(content)
    return newest.name


def seconds_of(cells: list[Any], site: Site) -> float:
    """Run the grid twice below a scratch folder, and return what it takes once all is imported."""
    for name in ("warm-up", "timed"):
        began = time.monotonic()
        run_cells(cells, replace(site, out=site.out / name), Silent(os.open(os.devnull, os.O_RDWR)))
    return time.monotonic() - began


def kill_until_done(
    cells: list[Any], site: Site, kills: int, longest: float, rng: random.Random
) -> dict[str, Any]:
    """Run a grid, killing it at most `kills` times, and return what happened."""
    done_at: list[int] = []
    damaged: list[str] = []
    count = site.out.with_suffix(".epochs")
    counter = os.open(count, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    while True:
        pid = child(cells, site, counter)
        if len(done_at) < kills:
            time.sleep(rng.uniform(0, longest))
            os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
        if os.WIFEXITED(status):
            if os.WEXITSTATUS(status):
                sys.exit(f"a run ended with {os.WEXITSTATUS(status)}")
            break
        done_at.append(len(list(site.out.glob("cells/*/result.json"))))
        if site.out.is_dir() and rng.random() < 0.4:
            damaged.append(damage(site.out, rng))
    return {"done_at_kills": done_at, "damaged": damaged, "epochs": count.stat().st_size}


def main() -> None:
    """Run the script."""
    parser = argparse.ArgumentParser()
    parser.add_argument("recipe")
    parser.add_argument("out", type=Path)
    parser.add_argument("--kills", type=int, default=6)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    rng = random.Random(options.seed)
    cells = distinct_cells(plan([options.recipe], []))
    site = Site(options.out / "data", options.out, torch.device("cpu"))
    longest = seconds_of(cells, site)
    grids: list[dict[str, Any]] = []
    left = options.kills
    while left > 0 or not grids:
        here = replace(site, out=options.out / str(len(grids)))
        grids.append(kill_until_done(cells, here, left, longest, rng))
        left -= len(grids[-1]["done_at_kills"])
    sys.stdout.write(json.dumps({"seconds": round(longest, 2), "grids": grids}) + "\n")


if __name__ == "__main__":
    main()
