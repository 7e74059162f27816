"""Trackers hold what the cells' folders hold: every epoch once, the result and the settings."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from mixup_multi.cli.app import app
from mixup_multi.errors import SettingError
from mixup_multi.grid.run import run_cells
from mixup_multi.grid.trackers import tracker as trackers
from mixup_multi.grid.trackers.tracker import Tracked, open_tracker, tracked

Series = dict[str, list[tuple[int, float]]]
REASON = "not installed: mixup-multi[{}]"


def of_tensorboard(out: Path) -> dict[str, Series]:
    """Return every cell's scalars by their tags."""
    events = "tensorboard.backend.event_processing.event_accumulator"
    module = pytest.importorskip(events, reason=REASON.format("tensorboard"))
    found = {}
    for path in (out / "tensorboard").iterdir():
        read = module.EventAccumulator(str(path), size_guidance={module.SCALARS: 0}).Reload()
        assert "_hparams_/session_start_info" in read.summary_metadata
        tags = read.Tags()["scalars"]
        found[path.name] = {
            tag: [(event.step, event.value) for event in read.Scalars(tag)] for tag in tags
        }
    return found


def of_mlflow(out: Path) -> dict[str, Series]:
    """Return every cell's metrics by their keys."""
    mlflow = pytest.importorskip("mlflow", reason=REASON.format("mlflow"))
    client = mlflow.MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    experiment = client.get_experiment_by_name(out.name)
    found = {}
    for run in client.search_runs([experiment.experiment_id]):
        assert run.info.status == "FINISHED"
        assert run.data.params["model.widths"] == "[16]"
        assert run.data.params["method.label"] in ("erm", "mixupe")
        found[run.data.tags["mixup_multi.run"]] = {
            key: sorted((m.step, m.value) for m in client.get_metric_history(run.info.run_id, key))
            for key in run.data.metrics
        }
    return found


@pytest.fixture(params=["tensorboard", "mlflow"])
def tracker(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    pytest.importorskip(request.param, reason=REASON.format(request.param))
    monkeypatch.setattr(trackers, "SECONDS", 0.0)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    name: str = request.param
    return name


def run(grid: Any, memory: Any, tracker: str | None, **options: Any) -> Any:
    with tracked(memory, tracker, grid.site.out) as watcher:
        run_cells(grid.cells, grid.site, watcher, **options)
    return memory


def held(tracker: str, out: Path) -> dict[str, Series]:
    return {"tensorboard": of_tensorboard, "mlflow": of_mlflow}[tracker](out)


def of_folders(out: Path, tracker: str) -> dict[str, Series]:
    """Return the same of the cells' folders; TensorBoard keeps single precision."""
    kept = np.float32 if tracker == "tensorboard" else float
    found = {}
    for path in (out / "cells").iterdir():
        result = json.loads((path / "result.json").read_text())
        numbers = {name: value for name, value in result.items() if type(value) in (int, float)}
        series = {f"result/{name}": [(result["epochs"], kept(v))] for name, v in numbers.items()}
        for line in (path / "metrics.jsonl").read_text().splitlines():
            record = json.loads(line)
            step = int(record.pop("epoch"))
            for name, value in record.items():
                series.setdefault(f"epoch/{name}", []).append((step, kept(value)))
        found[f"{path.name}-{result['data_key'][:8]}"] = series
    return found


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_tracker_holds_what_the_folders_hold(
    grid: Any, remember: Callable[..., Any], tracker: str, jobs: int
) -> None:
    memory = run(grid, remember(), tracker, jobs=jobs)
    assert memory.said == []
    assert len(memory.ended) == 4
    assert held(tracker, grid.site.out) == of_folders(grid.site.out, tracker)


@pytest.mark.parametrize(
    ("cohorts", "told", "again"),
    [(False, 7, 4), (True, 5, 8)],  # in the third epoch of the second cell, or of both
    ids=["alone", "together"],
)
def test_a_cell_that_goes_on_repeats_no_step(
    make_grid: Callable[..., Any],
    remember: Callable[..., Any],
    tracker: str,
    tmp_path: Path,
    cohorts: bool,
    told: int,
    again: int,
) -> None:
    train = {"epochs": 4, "checkpoint_seconds": 60.0}
    grid = make_grid(tmp_path / "out", train=train, trials=1)
    memory = remember()

    def interrupt(cell: Any) -> None:
        if memory.epochs == told:  # there is no checkpoint yet
            raise KeyboardInterrupt

    memory.on_epoch = interrupt
    with pytest.raises(KeyboardInterrupt):
        run(grid, memory, tracker, cohorts=cohorts)
    memory = run(grid, remember(), tracker, cohorts=cohorts)
    assert memory.epochs == again  # trained from the start
    assert memory.said == []
    found, expected = held(tracker, grid.site.out), of_folders(grid.site.out, tracker)
    for name, series in expected.items():
        for tag, values in series.items():
            if not tag.endswith("seconds"):  # an epoch's time is that of when it was sent
                assert found[name][tag] == values
        assert [step for step, _ in found[name]["epoch/seconds"]] == [1, 2, 3, 4]


def test_a_tracker_that_comes_later_is_sent_the_rest_once(
    grid: Any, remember: Callable[..., Any], tracker: str
) -> None:
    run(grid, remember(), None)
    for _ in range(2):
        memory = run(grid, remember(), tracker)
        assert memory.epochs == 0
        assert memory.said == []
        assert held(tracker, grid.site.out) == of_folders(grid.site.out, tracker)


def test_a_failure_is_sent_and_runs_again_as_the_same_run(
    strange: Callable[..., Any], remember: Callable[..., Any], tracker: str
) -> None:
    grid = strange("failing", "net")
    memory = run(grid, remember(), tracker)
    assert memory.said == []
    assert list(memory.failed.values()) == ["a model of a stranger"]
    again = run(grid, remember(), tracker, retry=True)
    assert again.said == []
    if tracker == "mlflow":
        (experiment,) = _experiments(grid.site.out)
        runs = {one.data.tags["mixup_multi.run"]: one for one in experiment}
        assert len(runs) == len(experiment) == 2
        states = {one.info.status: one.data.tags for one in runs.values()}
        assert states["FAILED"]["mixup_multi.failure"] == "a model of a stranger"


def _experiments(out: Path) -> Iterator[Any]:
    mlflow = pytest.importorskip("mlflow")
    client = mlflow.MlflowClient(f"sqlite:///{out / 'mlflow.db'}")
    yield client.search_runs([client.get_experiment_by_name(out.name).experiment_id])


class Broken:
    """A tracker whose server is away."""

    calls = 0

    def run(self, name: str, title: str, settings: Any) -> Any:
        self.calls += 1
        raise ConnectionError("no server")


def test_a_tracker_that_fails_is_given_up_and_training_goes_on(
    grid: Any, remember: Callable[..., Any]
) -> None:
    memory, broken = remember(), Broken()
    run_cells(grid.cells, grid.site, Tracked(memory, broken, grid.site.out))
    assert len(memory.ended) == 4
    assert broken.calls == 1
    (said,) = memory.said
    assert "given up (ConnectionError: no server)" in said


@pytest.mark.parametrize("name", ["tensorboard", "mlflow"])
def test_without_its_package_a_message_names_the_extra(
    name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(SettingError, match=rf"--tracker {name} needs .*mixup-multi\[{name}\]"):
        open_tracker(name, tmp_path)


def test_an_unknown_tracker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="expected one of mlflow, tensorboard"):
        open_tracker("wandb", tmp_path)
    done = CliRunner().invoke(app, ["run", "quickstart", "--tracker", "wandb"])
    assert done.exit_code == 2
    assert "tensorboard" in done.output
    assert "Traceback" not in done.output
