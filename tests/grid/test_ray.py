"""A Ray cluster of this machine: the same bits, a dead worker is replaced, nothing is left."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mixup_multi.errors import DeviceError, MixupMultiError, OutputError, SettingError
from mixup_multi.grid.docket import DEATHS
from mixup_multi.grid.locks import running
from mixup_multi.grid.ray_driver import RayOptions
from mixup_multi.grid.ray_task import Errand, perform
from mixup_multi.grid.shelf import Site

LONG = {"epochs": 300, "checkpoint_seconds": 0.0}


@pytest.fixture(scope="module")
def cluster() -> Iterator[RayOptions]:
    """Two cores, to which this process stays connected."""
    ray = pytest.importorskip("ray", reason="Ray is not installed: mixup-multi[ray]")
    ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield RayOptions()
    ray.shutdown()


def test_tasks_give_the_same_bits_as_this_process(
    cluster: RayOptions, grid: Any, whole: Any
) -> None:
    memory = grid.run(ray=cluster)
    assert set(memory.ended.values()) == {True}
    assert len(memory.ended) == 4
    assert memory.epochs == 12
    assert grid.same_bits(whole)
    assert running(grid.site.out) == {}
    assert not list((grid.site.out / "locks").iterdir())
    again = grid.run(ray=cluster)
    assert again.started == []
    assert set(again.ended.values()) == {False}


def test_a_cell_whose_worker_is_killed_goes_on_from_its_checkpoint(
    cluster: RayOptions, make_grid: Callable[..., Any], remember: Callable[..., Any], tmp_path: Path
) -> None:
    grid, alone = (make_grid(tmp_path / name, trials=1, train=LONG) for name in ("ray", "alone"))
    killed = []

    def kill_it(cell: Any) -> None:
        if not killed and (grid.folder() / "checkpoint.pt").exists():
            process = running(grid.site.out)[grid.cells[0].folder].pid
            assert process != os.getpid()
            os.kill(process, signal.SIGKILL)
            killed.append(process)

    memory = grid.run(remember(on_epoch=kill_it), ray=cluster)
    assert killed
    assert memory.started.count(grid.cells[0].key) == 2
    assert any("is taken up again" in said for said in memory.said)
    heard_again = memory.epochs - 2 * LONG["epochs"]
    assert heard_again < LONG["epochs"] / 2  # not from the start
    alone.run()
    assert grid.same_bits(alone)


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


def test_an_interruption_leaves_no_task_running(
    cluster: RayOptions, make_grid: Callable[..., Any], remember: Callable[..., Any], tmp_path: Path
) -> None:
    grid = make_grid(tmp_path, train={"epochs": 100_000})
    pids = []

    def interrupt(cell: Any) -> None:
        pids.extend(holder.pid for name, holder in running(tmp_path).items() if name[:3] != "ray")
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

    def put(self, numbered: Any) -> None:
        self.messages.append(numbered)


def test_a_node_that_does_not_share_the_folders_says_so(grid: Any, tmp_path: Path) -> None:
    site = Site(tmp_path / "none", tmp_path / "elsewhere", grid.site.device)
    heard = Heard()
    perform(Errand(site, "ray-beacon", True, (), heard, False), 7, grid.cells[0])
    ((number, message),) = heard.messages
    assert (number, message.kind) == (7, "stop")
    assert "on a file system that all nodes share" in str(message.content)
    assert str(tmp_path / "elsewhere") in str(message.content)


def test_a_lost_lock_of_the_driver_stops_the_run(
    cluster: RayOptions, grid: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mixup_multi.grid.ray_driver._absolute", lambda site, device: Site(
        site.data, site.out.with_name("not_mounted"), device
    ))  # fmt: skip
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
