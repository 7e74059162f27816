"""Several processes: the same bits, no cell twice, and a dead one is replaced."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
from command_line import start

from mixup_multi.grid.folder.locks import running
from mixup_multi.grid.processes.docket import DEATHS

RECIPE = (
    "title: shared\nadapter: tabular\ndatasets: [sklearn_iris]\nmodels: [mlp]\n"
    "methods: [erm, mixup]\ntrials: 4\ntrain: {epochs: 25, batch_size: 8}\n"
)


def test_a_killed_worker_is_replaced_and_the_bits_are_the_same(
    grid: Any, whole: Any, remember: Callable[..., Any]
) -> None:
    killed = []

    def kill_one(cell: Any) -> None:
        if not killed:
            process = active_children()[0]
            assert process.pid is not None
            os.kill(process.pid, signal.SIGKILL)
            killed.append(process.pid)

    memory = grid.run(remember(on_epoch=kill_one), jobs=2)
    assert killed
    assert len(memory.ended) == 4
    assert not memory.failed
    assert grid.same_bits(whole)
    assert not active_children()
    assert running(grid.site.out) == {}


def test_a_cell_that_kills_its_process_fails_and_the_others_go_on(
    strange: Callable[..., Any],
) -> None:
    grid = strange("deadly", "net")
    memory = grid.run(jobs=2)
    assert list(memory.ended) == [grid.cells[1].key]
    assert memory.started.count(grid.cells[0].key) == DEATHS
    (message,) = memory.failed.values()
    assert "SIGKILL" in message
    assert json.loads((grid.folder(0) / "failure.json").read_text())["message"] == message


@pytest.fixture
def recipe(tmp_path: Path) -> Path:
    (tmp_path / "shared.yaml").write_text(RECIPE)
    return tmp_path / "shared.yaml"


def test_two_runs_on_one_folder_divide_the_cells(recipe: Path, tmp_path: Path) -> None:
    runs = [start("run", recipe, "--out", tmp_path / "out") for _ in range(2)]
    said = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0], said
    ran = [line.split("]")[0] for text in said for line in text.splitlines() if line[:1] == "["]
    assert sorted(ran) == sorted(f"[{n}/8" for n in range(1, 9))  # each once, by one of them
    assert all("8 cells in" in text for text in said)
    assert len(list(tmp_path.glob("out/cells/*/result.json"))) == 8


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL])
def test_workers_end_with_their_driver(recipe: Path, tmp_path: Path, how: signal.Signals) -> None:
    out = tmp_path / "out"
    driver = start("run", recipe, "--out", out, "--jobs", "2", "--set", "train.epochs=3000")
    _wait_until(lambda: len(list(out.glob("cells/*/metrics.jsonl"))) == 8)
    workers = {holder.pid for holder in running(out).values()}
    assert len(workers) == 2
    assert driver.pid not in workers
    os.killpg(driver.pid, how) if how == signal.SIGINT else driver.kill()  # as a terminal does
    said, _ = driver.communicate(timeout=60)
    _wait_until(lambda: not any(_alive(pid) for pid in workers))
    assert running(out) == {}
    if how == signal.SIGINT:
        assert driver.returncode == 130
        assert "run the same command again" in said
        assert "Traceback" not in said
        assert "Process " not in said
