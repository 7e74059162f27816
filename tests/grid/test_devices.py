"""A cell on two devices: the same cell, one writer, and survival of a killed helper."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from typing import Any

import pytest
import torch

from mixup_multi.errors import DeviceError, SettingError
from mixup_multi.grid.folder.locks import owner, running

pytest.importorskip("lightning_fabric", reason="the extra `fabric` is not installed")


def _on(grid: Any, devices: int) -> Any:
    return replace(grid, site=replace(grid.site, devices=devices))


def _helper_of(worker: int) -> int:
    """Return the process that a worker has started to help it."""
    children = Path(f"/proc/{worker}/task/{worker}/children").read_text().split()
    commands = {int(c): Path(f"/proc/{c}/cmdline").read_text() for c in children}
    return next(child for child, command in commands.items() if "spawn_main" in command)


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_helper_is_replaced_and_the_bits_are_the_same(
    make_grid: Callable[..., Any], remember: Callable[..., Any], tmp_path: Path
) -> None:
    net = {"name": "mlp", "widths": [16], "batch_norm": True}
    small = {"models": [net], "methods": ["mixup"], "trials": 1, "train": {"epochs": 6}}
    whole = _on(make_grid(tmp_path / "whole", **small), 2)
    whole.run()
    grid = _on(make_grid(tmp_path / "killed", **small), 2)
    killed: list[int] = []

    def kill(cell: Any) -> None:
        if not killed:
            holder = owner(grid.site.out, cell.folder)
            assert holder is not None
            killed.append(_helper_of(holder.pid))
            os.kill(killed[0], signal.SIGKILL)

    memory = grid.run(remember(on_epoch=kill))
    assert killed
    assert len(memory.ended) == 1
    assert grid.same_bits(whole)
    assert any("SyncBatchNorm" in said for said in memory.said)
    assert not active_children()
    assert running(grid.site.out) == {}
    record = json.loads((grid.folder() / "environment.json").read_text())
    assert record["devices"] == 2
    assert not _on(grid, 1).run().started  # it is the same cell, and done


def test_a_failure_says_what_the_helper_said(strange: Callable[..., Any]) -> None:
    memory = _on(strange("aloof"), 2).run()
    assert list(memory.failed.values()) == ["rank 1: ValueError: not with the others"]
    assert not active_children()


def test_devices_and_jobs_exclude_each_other(grid: Any) -> None:
    with pytest.raises(SettingError, match="--jobs 2 with --devices 2"):
        _on(grid, 2).run(jobs=2)


def test_what_this_machine_cannot_do_is_said_before_training(
    make_grid: Callable[..., Any], tmp_path: Path
) -> None:
    with pytest.raises(SettingError, match="two rows or more for each of the 20 devices"):
        _on(make_grid(tmp_path), 20).run()
    with pytest.raises(DeviceError, match="expected a CUDA device"):
        make_grid(tmp_path, train={"precision": "16-mixed"}).run()
    many = make_grid(tmp_path)
    site = replace(many.site, device=torch.device("cuda"), devices=1 + torch.cuda.device_count())
    if site.devices > 1:
        with pytest.raises(DeviceError, match="CUDA devices of this machine"):
            replace(many, site=site).run()


def test_a_precision_that_does_not_exist_is_one_message_and_exit_code_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mixup_multi", "run", "quickstart", "--out", str(tmp_path)]
    done = subprocess.run(
        [*command, "--set", "train.precision=bf16"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 2
    assert "train.precision" in done.stderr
    assert "bf16-mixed" in done.stderr
    assert "Traceback" not in done.stderr
