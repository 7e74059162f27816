"""The driver of a Ray cluster: teams are its tasks, each in one process with its share of a GPU.

The nodes share the output folder and the data root with the driver, on a file system whose locks
they share too; a task that finds otherwise stops the run. So a cell's folder, lock and checkpoint
are what they are without Ray: which node takes a cell up again does not matter. Tasks tell what
happens through one queue on the driver's node, and the driver alone writes the index.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import torch

from mixup_multi.errors import DeviceError, OutputError, SettingError
from mixup_multi.extras import load_extra
from mixup_multi.grid.folder.locks import locked
from mixup_multi.grid.folder.shelf import Site
from mixup_multi.grid.processes.docket import POLL_SECONDS, Docket, Post
from mixup_multi.grid.processes.ray_task import Errand, perform

AHEAD = 1000  # tasks submitted at once: more than a cluster runs, so that it can see its load


@dataclass(frozen=True)
class RayOptions:
    """On which cluster cells run, and on what of it.

    Attributes:
        address: HOST:PORT; `auto` for the cluster that runs on this machine, `local` for a new
            one; empty for the one that RAY_ADDRESS names or that runs here, else a new one.
        device: `auto` (GPUs where the cluster has any), `cpu` or `cuda`.
        gpus: how much of a GPU each cell has, from 0 to 1; None for 1 on CUDA, else 0.

    Raises:
        SettingError: they contradict each other, or Ray is not installed.
        DeviceError: there is no such device.
    """

    address: str = ""
    device: str = "auto"
    gpus: float | None = None

    def __post_init__(self) -> None:
        if self.device not in ("auto", "cpu", "cuda"):
            raise DeviceError(
                f"device is {self.device!r}: expected auto, cpu or cuda, since Ray chooses the GPU"
            )
        if self.gpus is not None and (self.device, self.gpus > 0) in (
            ("cpu", True),
            ("cuda", False),
        ):
            raise SettingError(
                f"--device {self.device} and --ray-gpus {self.gpus:g} contradict each other;"
                " leave one of them out"
            )
        load_extra("ray", "ray", "--ray")

    def gpus_of(self, nodes: Sequence[Mapping[str, float]]) -> float:
        """Return how much of a GPU each cell gets on a cluster of these nodes' resources.

        Raises:
            DeviceError: no node has as much.
        """
        most = max((node.get("GPU", 0.0) for node in nodes), default=0.0)
        wanted = float(self.device == "cuda" or (self.device == "auto" and most >= 1))
        gpus = wanted if self.gpus is None else self.gpus
        if gpus > most:
            raise DeviceError(
                f"each cell was to have {gpus:g} of a GPU, but no node of the Ray cluster has"
                f" more than {most:g}; use --device cpu, or start a node with GPUs"
            )
        return gpus


class RayDriver:
    """Gives teams to the tasks of a Ray cluster until all are settled."""

    def __init__(self, docket: Docket, options: RayOptions) -> None:
        self.docket = docket
        self.options = options
        self.posts: dict[int, Post] = {}
        self.numbers: dict[Any, int] = {}  # by the task's reference

    def run(self, *, retry: bool, cohorts: bool) -> None:
        """Run all cells; nothing of them runs any more when this returns or raises.

        Raises:
            MixupMultiError: there is no such cluster or it is lost, a node does not share the
                folders, nothing can be written, or processes end as they begin.
        """
        if not self.docket.plan.wanted:
            return
        with _cluster(self.options.address) as ray, _beacon(self.docket.site.out) as beacon:
            nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
            gpus = self.options.gpus_of(nodes)
            self.docket.divide(int(sum(node.get("CPU", 0.0) for node in nodes)))
            queue = _queue(ray)
            site = _absolute(self.docket.site, torch.device("cuda" if gpus else "cpu"))
            errand = Errand(site, beacon, site.data.exists(), _search_path(), queue, retry, cohorts)
            # Here and not in .options: so a process ends with its task where it has a GPU, as
            # CUDA would stay on that one when Ray gives the process another.
            task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=0)(perform)
            try:
                self._settle_all(ray, queue, lambda *what: task.remote(errand, *what))
            except ray.exceptions.RayError as error:
                raise OutputError(
                    f"the Ray cluster was lost ({error}); what is done is kept, and the same"
                    " command goes on with it"
                ) from error
            finally:
                self._end_all(ray)

    def _settle_all(self, ray: Any, queue: Any, submit: Any) -> None:
        docket, numbers = self.docket, count()
        while docket.unsettled(self.posts.values()):
            while docket.waiting and len(self.posts) < AHEAD:
                number, team = next(numbers), docket.waiting.popleft()
                self.posts[number] = Post(team)
                self.numbers[submit(number, team)] = number
            ended, _ = ray.wait(list(self.numbers), timeout=POLL_SECONDS)
            for number, message in queue.get_nowait_batch(queue.qsize()):
                docket.take_in(self.posts.get(number, Post()), message)
            for reference in ended:
                self._end(ray, reference)

    def _end(self, ray: Any, reference: Any) -> None:
        """Take in that a task has ended, all that it has told being taken in before."""
        post = self.posts.pop(self.numbers.pop(reference))
        try:
            ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            raise OutputError(f"a Ray task cannot run: {error.cause!r}") from error
        except ray.exceptions.RayError as error:  # its process or its node is gone
            self.docket.bury(post, f"died ({type(error).__name__})")

    def _end_all(self, ray: Any) -> None:
        """End the tasks that are left, at once; cells that were running keep their checkpoints."""
        left = list(self.numbers)
        with suppress(ray.exceptions.RayError):  # where the cluster is gone, so are they
            for reference in left:
                ray.cancel(reference, force=True)
            if left:
                ray.wait(left, num_returns=len(left), timeout=10)


@contextmanager
def _cluster(address: str) -> Iterator[Any]:
    """Connect this process to a cluster, or start one, unless it is connected already."""
    ray = load_extra("ray", "ray", "--ray")
    if ray.is_initialized():
        yield ray
        return
    quiet = {"log_to_driver": False, "logging_level": logging.ERROR, "include_dashboard": False}
    try:
        if ":" in address:
            _check_reachable(address)
        ray.init(address or None, **quiet)
    except (OSError, RuntimeError, ValueError) as error:
        raise OutputError(
            f"no Ray cluster can be used at {address or 'this machine'!r} ({error}); expected"
            " HOST:PORT of one that runs (ray start --head), auto, or local for a new one here"
        ) from error
    try:
        yield ray
    finally:
        ray.shutdown()


def _check_reachable(address: str) -> None:
    """Raise OSError or ValueError at once where Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host, int(port)), timeout=5).close()


@contextmanager
def _beacon(out: Path) -> Iterator[str]:
    """Hold a lock by which a node can tell whether it shares the output folder; yield its name."""
    name = f"ray-{uuid4().hex}"
    with locked(out, name):
        yield name


def _queue(ray: Any) -> Any:
    """Return a queue on this node, so that it lives as long as the driver."""
    here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy(
        ray.get_runtime_context().get_node_id(), soft=False
    )
    queue = load_extra("ray.util.queue", "ray", "--ray")
    return queue.Queue(actor_options={"num_cpus": 0, "scheduling_strategy": here})


def _absolute(site: Site, device: torch.device) -> Site:
    """Return the site as a task needs it, whose current folder is another."""
    return replace(site, data=site.data.absolute(), out=site.out.absolute(), device=device)


def _search_path() -> tuple[str, ...]:
    """Return where this process looks for modules, e.g. for a recipe's `module:Class`."""
    return tuple(os.path.abspath(entry) for entry in sys.path)  # noqa: PTH100 (of "" too)
