"""A Ray cluster of this machine: the same bits, a dead worker is replaced, nothing is left."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from command_line import start

from mixup_multi.errors import DeviceError, MixupMultiError, OutputError, SettingError
from mixup_multi.grid.folder.locks import running
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.processes.docket import DEATHS
from mixup_multi.grid.processes.ray_driver import RayOptions
from mixup_multi.grid.processes.ray_task import Errand, perform

LONG = {"epochs": 100, "checkpoint_seconds": 0.0}


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayOptions]:
    """Two cores, to which this process stays connected."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: mixup-multi[ray]")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield RayOptions()
    ray.shutdown()


@pytest.mark.slow
def test_tasks_give_the_same_bits_as_this_process(
    cluster: RayOptions, grid: Any, whole: Any, remember: Callable[..., Any]
) -> None:
    at_once = []
    memory = grid.run(
        remember(on_epoch=lambda _: at_once.append(_held(grid.site.out))), ray=cluster
    )
    assert set(memory.ended.values()) == {True}
    assert len(memory.ended) == 4
    assert memory.epochs == 12
    assert max(map(len, at_once)) <= 2  # telling the driver gives no core away
    assert grid.same_bits(whole)
    assert not list((grid.site.out / "locks").iterdir())
    again = grid.run(ray=cluster)
    assert again.started == []
    assert set(again.ended.values()) == {False}


@pytest.mark.slow
def test_a_cell_whose_worker_is_killed_goes_on_from_its_checkpoint(
    cluster: RayOptions, make_grid: Callable[..., Any], remember: Callable[..., Any], tmp_path: Path
) -> None:
    grid, alone = (
        make_grid(tmp_path / name, methods=["erm"], trials=1, train=LONG)
        for name in ("ray", "alone")
    )
    killed = []

    def kill_it(cell: Any) -> None:
        if not killed and (grid.folder() / "checkpoint.pt").exists():
            process = _held(grid.site.out)[grid.cells[0].folder]
            assert process != os.getpid()
            os.kill(process, signal.SIGKILL)
            killed.append(process)

    memory = grid.run(remember(on_epoch=kill_it), ray=cluster)
    assert killed
    assert memory.started.count(grid.cells[0].key) == 2
    assert any("is taken up again" in said for said in memory.said)
    assert memory.epochs < 2 * LONG["epochs"]  # not from the start
    alone.run()
    assert grid.same_bits(alone)


@pytest.mark.slow
def test_cells_that_fail_are_recorded_and_the_others_go_on(
    cluster: RayOptions, strange: Callable[..., Any]
) -> None:
    grid = strange("failing", "deadly", "net")
    memory = grid.run(ray=cluster)
    failing, deadly, net = (cell.key for cell in grid.cells)
    assert list(memory.ended) == [net]
    assert memory.failed[failing] == "a model of a stranger"
    assert "Traceback" in json.loads((grid.folder(0) / "failure.json").read_text())["traceback"]
    assert f"{DEATHS} processes that ran it died" in memory.failed[deadly]
    assert memory.started.count(deadly) == DEATHS


def _held(out: Path) -> dict[str, int]:
    """Return the cells that are being run, and in which processes."""
    holders = running(out).items()
    return {name: holder.pid for name, holder in holders if not name.startswith("ray-")}


@pytest.mark.slow
def test_an_interruption_leaves_no_task_running(
    cluster: RayOptions, make_grid: Callable[..., Any], remember: Callable[..., Any], tmp_path: Path
) -> None:
    grid = make_grid(tmp_path, train={"epochs": 100_000})
    pids = []

    def interrupt(cell: Any) -> None:
        pids.extend(_held(tmp_path).values())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        grid.run(remember(on_epoch=interrupt), ray=cluster)
    assert pids
    assert running(tmp_path) == {}
    assert not list(tmp_path.glob("cells/*/failure.json"))


class Heard:
    """Stands for the queue to the driver."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    async def put_async(self, numbered: Any) -> None:
        self.messages.append(numbered)


def test_a_node_that_does_not_share_the_folders_says_so(grid: Any, tmp_path: Path) -> None:
    site = Site(tmp_path / "none", tmp_path / "elsewhere", grid.site.device)
    heard = Heard()
    perform(Errand(site, "ray-beacon", True, (), heard, False, True), 7, (grid.cells[0],))
    ((number, message),) = heard.messages
    assert (number, message.kind) == (7, "stop")
    assert "on a file system that all nodes share" in str(message.content)
    assert str(tmp_path / "elsewhere") in str(message.content)


@pytest.mark.slow
def test_a_lost_lock_of_the_driver_stops_the_run(
    cluster: RayOptions, grid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def elsewhere(site: Site, device: str) -> Site:
        return Site(site.data, site.out.with_name("not_mounted"), device)

    monkeypatch.setattr("mixup_multi.grid.processes.ray_driver._absolute", elsewhere)
    with pytest.raises(OutputError, match="does not see in .*not_mounted the lock"):
        grid.run(ray=cluster)
    assert not list(grid.site.out.glob("cells/*"))


def test_without_ray_a_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(SettingError, match=r"--ray needs the package ray.*mixup-multi\[ray\]"):
        RayOptions()


def _options(**chosen: Any) -> RayOptions:
    pytest.importorskip("ray", reason="Ray is not installed: mixup-multi[ray]")
    return RayOptions(**chosen)


def test_the_share_of_a_gpu_is_as_asked_or_follows_from_the_device() -> None:
    gpus, none = [{"CPU": 8.0}, {"CPU": 8.0, "GPU": 2.0}], [{"CPU": 8.0}]
    assert _options().gpus_of(gpus) == 1.0
    assert _options().gpus_of(none) == 0.0
    assert _options(device="cpu").gpus_of(gpus) == 0.0
    assert _options(gpus=0.25).gpus_of(gpus) == 0.25
    with pytest.raises(DeviceError, match="0.25 of a GPU, but no node"):
        _options(gpus=0.25).gpus_of(none)
    with pytest.raises(DeviceError, match="no node"):
        _options(device="cuda").gpus_of(none)


@pytest.mark.parametrize(
    "chosen", [{"device": "cpu", "gpus": 0.5}, {"device": "cuda", "gpus": 0.0}, {"device": "tpu"}]
)
def test_options_that_contradict_each_other_are_refused(chosen: Any) -> None:
    with pytest.raises(MixupMultiError):
        _options(**chosen)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _descendants(pid: int) -> set[int]:
    children = {int(found) for path in Path(f"/proc/{pid}/task").glob("*/children")
                for found in path.read_text().split()}  # fmt: skip
    return children.union(*map(_descendants, children))


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="reads /proc")
def test_ctrl_c_leaves_no_process_of_a_cluster_that_the_command_started(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: mixup-multi[ray]")
    changes = ("--set", "train.epochs=100000")
    driver = start("run", "--ray", "local", "quickstart", "--out", tmp_path, *changes)
    deadline = time.monotonic() + 100
    while not list(tmp_path.glob("cells/*/metrics.jsonl")):
        assert driver.poll() is None, driver.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.1)
    started = _descendants(driver.pid)
    assert set(_held(tmp_path).values()) & started
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does
    said, _ = driver.communicate(timeout=60)
    assert driver.returncode == 130, said
    assert "run the same command again" in said
    assert "Traceback" not in said
    while any(map(_alive, started)):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert running(tmp_path) == {}
    assert not list(tmp_path.glob("cells/*/failure.json"))
