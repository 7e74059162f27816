"""A grid goes on after failures, damage and full disks, and ends with the same bits."""

from __future__ import annotations

import errno
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from mixup_multi.errors import WriteError
from mixup_multi.grid.cells import cell as cell_module


def test_a_failing_cell_among_good_ones_is_recorded_and_not_repeated(
    strange: Callable[..., Any],
) -> None:
    grid = strange("net", "failing", trials=2)
    memory = grid.run()
    assert len(memory.ended) == len(memory.failed) == 2
    failure = json.loads((grid.folder(2) / "failure.json").read_text())
    assert failure["message"] == "ValueError: a model of a stranger"
    assert 'raise ValueError("a model of a stranger")' in failure["traceback"]
    again = grid.run()
    assert again.started == []
    assert again.failed == {key: f"ValueError: {said}" for key, said in memory.failed.items()}
    retried = grid.run(retry=True)
    assert len(retried.started) == 2
    assert set(retried.failed) == set(memory.failed)


def test_what_failed_and_then_works_leaves_no_trace_of_failure(
    grid: Any, whole: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cell_module, "measure", lambda *_: 1 / 0)
        assert len(grid.run().failed) == 4
    assert grid.run().started == []
    assert len(grid.run(retry=True).ended) == 4
    assert grid.same_bits(whole)
    assert not list(grid.site.out.glob("cells/*/failure.json"))


def test_out_of_memory_is_a_failure_that_says_what_helps(strange: Callable[..., Any]) -> None:
    grid = strange("hungry", "net")
    memory = grid.run()
    assert len(memory.ended) == 1
    (message,) = memory.failed.values()
    assert "out of memory" in message
    assert "train.batch_size" in message


DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "cut short": lambda content: content[: len(content) // 2],
    "a flipped byte": lambda content: content[:40] + bytes([content[40] ^ 1]) + content[41:],
    "empty": lambda content: b"",
}


@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("file", ["result.json", "outputs.pt"])
def test_a_damaged_result_is_kept_aside_and_made_again_from_the_checkpoint(
    grid: Any, whole: Any, file: str, damage: str
) -> None:
    grid.run()
    path = grid.folder(1) / file
    bad = DAMAGE[damage](path.read_bytes())
    path.write_bytes(bad)
    memory = grid.run()
    assert sum(memory.ended.values()) == 1
    assert memory.epochs == 0  # evaluated, not trained
    assert (grid.folder(1) / f"{file}.damaged-1").read_bytes() == bad
    assert any(f"{file}.damaged-1" in said for said in memory.said)
    assert grid.same_bits(whole)


def test_with_checkpoint_and_result_damaged_the_cell_is_run_again(grid: Any) -> None:
    grid.run(cohorts=False)
    expected = grid.logits()
    for file in ("checkpoint.pt", "result.json"):
        path = grid.folder(1) / file
        path.write_bytes(path.read_bytes()[:-3])
    memory = grid.run()
    assert memory.epochs == 3
    assert (grid.folder(1) / "checkpoint.pt.damaged-1").exists()
    assert all(torch.equal(logits, expected[name]) for name, logits in grid.logits().items())


def test_what_a_killed_process_left_half_written_is_swept(grid: Any) -> None:
    grid.folder().mkdir(parents=True)
    (grid.folder() / ".checkpoint.pt.123.tmp").write_bytes(b"half")
    grid.run()
    assert {path.name for path in grid.folder().iterdir()} == {
        "cell.json",
        "environment.json",
        "metrics.jsonl",
        "checkpoint.pt",
        "outputs.pt",
        "result.json",
    }


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 128 KiB, where this process may mount one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this process may not mount a file system; the fault is simulated elsewhere")
    yield disk
    subprocess.run(["umount", "--lazy", str(disk)], check=True)


@pytest.mark.parametrize("cohorts", [False, True])
def test_a_full_disk_stops_the_run_and_more_room_lets_it_go_on(
    small_disk: Path, make_grid: Callable[..., Any], tmp_path: Path, cohorts: bool
) -> None:
    grid = make_grid(small_disk / "out", trials=6)
    with pytest.raises(WriteError, match="No space left"):
        grid.run(cohorts=cohorts)
    done = grid.logits()
    assert 0 < len(done) < 12 or cohorts  # a cohort's checkpoint is all its members'
    subprocess.run(["mount", "-o", "remount,size=8m", str(small_disk)], check=True)
    memory = grid.run(cohorts=cohorts)
    assert len(memory.ended) == 12
    assert list(memory.ended.values()).count(False) == len(done)
    unharmed = make_grid(tmp_path / "unharmed", trials=6)
    unharmed.run(cohorts=cohorts)
    assert grid.same_bits(unharmed)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("number", [1, 4, 7, 12])
def test_any_write_that_fails_stops_the_run_and_it_goes_on_later(
    grid: Any, whole: Any, monkeypatch: pytest.MonkeyPatch, number: int, code: int
) -> None:
    calls, real = [0], os.replace

    def faulty(*arguments: Any, **options: Any) -> None:
        calls[0] += 1
        if calls[0] >= number:
            raise OSError(code, os.strerror(code))
        real(*arguments, **options)

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", faulty)
        with pytest.raises(WriteError, match="cannot be written"):
            grid.run()
    assert not list(grid.site.out.glob("cells/*/.*.tmp"))
    grid.run()
    assert grid.same_bits(whole)


def test_a_folder_that_is_read_only_is_named_before_any_training(
    grid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path, **_: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(path))

    monkeypatch.setattr(Path, "touch", refuse)
    with pytest.raises(WriteError, match=r"--out") as caught:
        grid.run()
    assert str(grid.site.out) in str(caught.value)
