"""A cell's lock: one holder at a time, gone with its process, and it says who that is."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import threading
import time
from pathlib import Path

from mixup_multi.grid.folder.locks import lock_path, locked, owner, running

HOLD = """
import sys, time
from pathlib import Path
from mixup_multi.grid.folder.locks import locked
with locked(Path(sys.argv[1]), "cell") as mine:
    print(mine, flush=True)
    time.sleep(60)
"""


def test_one_holds_it_and_the_other_is_told_at_once(tmp_path: Path) -> None:
    with locked(tmp_path, "cell") as first, locked(tmp_path, "cell") as second:
        assert (first, second) == (True, False)
        with locked(tmp_path, "other") as other:
            assert other
            assert set(running(tmp_path)) == {"cell", "other"}
        said = owner(tmp_path, "cell")
        assert said is not None
        assert (said.host, said.pid) == (platform.node(), os.getpid())
    assert running(tmp_path) == {}
    assert not lock_path(tmp_path, "cell").exists()


def test_a_killed_process_leaves_a_file_but_no_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with locked(tmp_path, "cell") as mine:
        assert not mine
    assert running(tmp_path)["cell"].pid == holder.pid
    holder.kill()
    holder.wait()
    assert lock_path(tmp_path, "cell").exists()
    assert running(tmp_path) == {}
    with locked(tmp_path, "cell") as mine:
        assert mine


def test_nobody_is_ever_in_it_together(tmp_path: Path) -> None:
    inside, together, turns = [0], [], []

    def work() -> None:
        end = time.monotonic() + 1
        while time.monotonic() < end:
            with locked(tmp_path, "cell") as mine:
                if mine:
                    inside[0] += 1
                    together.append(inside[0])
                    time.sleep(0.0005)
                    inside[0] -= 1
                    turns.append(threading.get_ident())

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(together) == {1}
    assert len(set(turns)) > 1
