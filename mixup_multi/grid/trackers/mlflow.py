"""MLflow as a tracker: a run for each cell, at MLFLOW_TRACKING_URI or in OUT/mlflow.db."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mixup_multi.extras import load_extra

NAME_TAG, FAILURE_TAG = "mixup_multi.run", "mixup_multi.failure"
BATCH = 100  # MLflow takes so many parameters at once, and ten times as many metrics:
EPOCHS = 20  # those of so many epochs


class MLflow:
    """Sends runs to one experiment, which has the output folder's name.

    Raises:
        SettingError: MLflow is not installed.
    """

    def __init__(self, out: Path) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # a run tells its user only
        mlflow = load_extra("mlflow", "mlflow", "--tracker mlflow")
        logging.getLogger("alembic").setLevel(logging.WARNING)  # that a database was made
        out = out.absolute()
        remote = os.environ.get("MLFLOW_TRACKING_URI")
        out.mkdir(parents=True, exist_ok=True)
        self.entities = mlflow.entities
        self.client = mlflow.MlflowClient(remote or f"sqlite:///{out / 'mlflow.db'}")
        found = self.client.get_experiment_by_name(out.name)
        place = None if remote else (out / "mlflow-artifacts").as_uri()
        self.experiment = (
            self.client.create_experiment(out.name, place) if found is None else found.experiment_id
        )
        self.known = self._known()

    def _known(self) -> dict[str, Any]:
        """Return the runs that the experiment has, by our names."""
        runs: dict[str, Any] = {}
        token = None
        while True:
            page = self.client.search_runs([self.experiment], page_token=token)
            runs.update({run.data.tags.get(NAME_TAG, ""): run for run in page})
            token = page.token
            if not token:
                return runs

    def run(self, name: str, title: str, settings: Mapping[str, Any]) -> MLflowRun:
        """Return the run that has this name as a tag."""
        run = self.known.get(name)
        if run is None:
            run = self.client.create_run(self.experiment, tags={NAME_TAG: name}, run_name=title)
            params = [self.entities.Param(key, str(value)) for key, value in settings.items()]
            for first in range(0, len(params), BATCH):
                self.client.log_batch(run.info.run_id, params=params[first : first + BATCH])
            self.known[name] = run
        return MLflowRun(self.client, self.entities, run)


class MLflowRun:
    """A cell's run; MLflow's status says whether it is complete."""

    def __init__(self, client: Any, entities: Any, run: Any) -> None:
        self.client = client
        self.metric = entities.Metric
        self.id: str = run.info.run_id
        self.complete = run.info.status == "FINISHED"
        self.ended = self.complete
        history = [] if self.complete else client.get_metric_history(self.id, "epoch/seconds")
        self.sent = max((metric.step for metric in history), default=0)
        if not self.complete and run.info.status != "RUNNING":
            client.update_run(self.id, status="RUNNING")

    def _log(self, group: str, numbers: Mapping[str, float], step: int) -> list[Any]:
        now = int(1000 * time.time())
        return [self.metric(f"{group}/{name}", value, now, step) for name, value in numbers.items()]

    def epochs(self, records: Sequence[Mapping[str, float]]) -> None:
        """Log every number of an epoch at its step; those of one epoch go together."""
        for first in range(0, len(records), EPOCHS):
            metrics = []
            for record in (some := records[first : first + EPOCHS]):
                numbers = {name: value for name, value in record.items() if name != "epoch"}
                metrics += self._log("epoch", numbers, int(record["epoch"]))
            self.client.log_batch(self.id, metrics=metrics)
            self.sent = int(some[-1]["epoch"])

    def end(self, result: Mapping[str, float]) -> None:
        """Log the result as metrics of the last step."""
        self.client.log_batch(self.id, metrics=self._log("result", result, self.sent))
        self._terminate("FINISHED")

    def fail(self, message: str) -> None:
        """Keep the message as a tag."""
        self.client.set_tag(self.id, FAILURE_TAG, message)
        self._terminate("FAILED")

    def close(self) -> None:
        """Mark as killed what has not ended."""
        if not self.ended:
            self._terminate("KILLED")

    def _terminate(self, status: str) -> None:
        self.client.set_terminated(self.id, status)
        self.ended = True
