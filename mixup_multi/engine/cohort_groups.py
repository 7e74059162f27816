"""Dividing jobs into cohorts, by what they have in common and by what the memory holds."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.engine.cohort_likeness import aspects, first_inputs, point_of, trial
from mixup_multi.engine.loop import Job
from mixup_multi.engine.source import Joinable

MOST = 64
"""How many members a cohort has at most, unless told otherwise."""
LEAST_JOINT = 4
"""Members of joint inputs (graphs) are slower together than alone where they are fewer."""
CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)


def cohorts(
    jobs: Sequence[Job],
    *,
    most: int = MOST,
    memory: int | None = None,
    even_if_slower: bool = False,
) -> list[list[int]]:
    """Divide jobs into groups that may train together.

    Each job's model is built to look at it; torch's global generator is left as it was.

    Args:
        jobs: in any order, of any kind.
        most: members of a group, at least 1.
        memory: bytes that a group's weights and activations may take; by default half of what is
            free where it computes.
        even_if_slower: stack convolutions on the CPU too, where each member's own convolution
            was measured to be up to twice as fast as their stack; and few members of graphs.

    Returns:
        Groups of places in `jobs`, in order of their first member; a group of one trains alone.
    """
    alike: dict[Hashable, _Alike] = {}
    with torch.random.fork_rng():
        for place, job in enumerate(jobs):
            model = job.build().to(job.device)
            group = alike.setdefault(_key(place, job, model, even_if_slower), _Alike())
            group.add(place, job, model)
    limits = (most, memory, even_if_slower)
    return sorted(part for group in alike.values() for part in group.parts(jobs, *limits))


@dataclass
class _Alike:
    """Jobs that differ in nothing but, perhaps, the point.

    Attributes:
        places: theirs, by point; None is that of those that do not mix.
        models: of the first two, on which it is tried whether a stack of them works.
    """

    places: dict[str | None, list[int]] = field(default_factory=dict)
    models: list[tuple[int, nn.Module]] = field(default_factory=list)

    def add(self, place: int, job: Job, model: nn.Module) -> None:
        """Add a job, and let go of its model where it is not needed."""
        self.places.setdefault(point_of(job, model), []).append(place)
        if len(self.models) < 2:
            self.models.append((place, model))

    def parts(
        self, jobs: Sequence[Job], most: int, memory: int | None, even_if_slower: bool
    ) -> list[list[int]]:
        """Return the groups; jobs that do not mix join the first point."""
        plain = self.places.pop(None, [])
        groups = list(self.places.values()) or [[]]
        groups[0] = sorted(groups[0] + plain)
        if not self._stacks(jobs):
            return [[place] for group in groups for place in group]
        first, model = jobs[self.models[0][0]], self.models[0][1]
        room = free_bytes(first.device) // 2 if memory is None else memory
        most = max(1, min(most, room // member_bytes(first, model)))
        joint = isinstance(first.data.train, Joinable) and not even_if_slower
        return [
            part
            for group in groups
            for part in _divided(group, most if not joint or len(group) >= LEAST_JOINT else 1)
        ]

    def _stacks(self, jobs: Sequence[Job]) -> bool:
        if len(self.models) < 2:
            return False
        some, models = zip(*((jobs[place], model) for place, model in self.models), strict=True)
        return trial(some, models) is None


def _key(place: int, job: Job, model: nn.Module, even_if_slower: bool) -> Hashable:
    found = aspects(job, model)
    if isinstance(found, str) or (_is_slow(job, model) and not even_if_slower):
        return place
    return tuple(found.items())


def may_join(job: Job, model: nn.Module) -> bool:
    """Whether a job can train with others of its kind, and does not lose by it."""
    return not (isinstance(aspects(job, model), str) or _is_slow(job, model))


def _is_slow(job: Job, model: nn.Module) -> bool:
    stacks_badly = any(isinstance(module, CONVOLUTIONS) for module in model.modules())
    return job.device.type == "cpu" and stacks_badly


def _divided(places: Sequence[int], most: int) -> list[list[int]]:
    """Divide into as few parts as may be, of nearly equal size."""
    parts = -(-len(places) // most)
    return [list(places[part::parts]) for part in range(parts)]


def member_bytes(job: Job, model: nn.Module) -> int:
    """Estimate what a member takes: weights, gradients, optimiser, and activations of two passes.

    What a pass over a few rows keeps for the gradient is counted, and scaled to a batch.
    """
    weights = sum(_size(tensor) for tensor in (*model.parameters(), *model.buffers()))
    rows = min(8, job.train.batch_size, len(job.data.train))
    kept: dict[int, int] = {}

    def count(tensor: Tensor) -> Tensor:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
        return tensor

    def same(tensor: Any) -> Any:
        return tensor

    inputs = first_inputs(job, rows)
    with torch.autograd.graph.saved_tensors_hooks(count, same):
        model(inputs)
    activations = sum(kept.values()) * job.train.batch_size // rows
    slots = 1 if job.train.optimizer == "sgd" else 2
    return (3 + 2 * slots) * weights + 2 * activations


def _size(tensor: Tensor) -> int:
    return tensor.numel() * tensor.element_size()


def free_bytes(device: torch.device) -> int:
    """Return how much memory is free where `device` computes; 4 GiB where nobody says."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    facts = Path("/proc/meminfo")
    if facts.exists():
        for line in facts.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    return 4 * 2**30
