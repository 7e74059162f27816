"""The options of `mixup-multi run`, and which of them contradict each other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mixup_multi.errors import SettingError
from mixup_multi.grid.processes.ray_driver import RayOptions


@dataclass(frozen=True)
class RunOptions:
    """The options of the command.

    Attributes:
        data: the data root.
        out: the output folder; None for `runs/` and the first recipe's name.
        device: as given.
        skip_missing: leave out cells whose data is missing.
        jobs: how many processes train.
        retry: run again what failed earlier.
        devices: on how many devices each cell trains.
        cohorts: whether cells may train together.
        command: as it was given, for reports.
        ray: the address of the Ray cluster that trains; empty for one of this machine, None
            for no cluster.
        ray_gpus: how much of a GPU each cell has there.
        tracker: the experiment tracker that is kept up to date.
    """

    data: Path
    out: Path | None
    device: str
    skip_missing: bool = False
    jobs: int = 1
    retry: bool = False
    devices: int = 1
    cohorts: bool = True
    command: str = ""
    ray: str | None = None
    ray_gpus: float | None = None
    tracker: str | None = None

    def cluster(self) -> RayOptions | None:
        """Return on which cluster cells run, or None.

        Raises:
            MixupMultiError: the options contradict each other, or Ray is not installed.
        """
        if self.ray is None and self.ray_gpus is not None:
            raise SettingError("--ray-gpus says what a cell has on a Ray cluster; add --ray")
        if self.ray is not None and self.devices != 1:
            raise SettingError("--devices is for this machine's devices; leave it out with --ray")
        if self.ray is not None and self.jobs != 1:
            raise SettingError(
                f"--jobs {self.jobs} is for processes of this machine; leave it out with --ray,"
                " where the cluster's cores say how many cells run at once"
            )
        return None if self.ray is None else RayOptions(self.ray, self.device, self.ray_gpus)
