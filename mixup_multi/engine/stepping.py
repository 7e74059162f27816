"""A step: the gradient's mean over micro-batches and processes, then the optimiser."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.engine.ranks import Piece
from mixup_multi.engine.settings import Train
from mixup_multi.engine.state import State
from mixup_multi.errors import DeviceError, SettingError
from mixup_multi.objectives.objective import Memory, Objective, Terms


class Backend:
    """Where steps are computed: in this process alone and in the precision of the weights.

    Args:
        state: what is trained; its model keeps its names, whatever it is wrapped in.
        train: the recipe's section.

    Attributes:
        model: what a step calls.
        optimizer: what a step moves.
        size: how many processes take each step together.
    """

    size = 1

    def __init__(self, state: State, train: Train) -> None:
        self.model: nn.Module = state.model
        self.optimizer = state.optimizer
        if train.compile:
            self.model = torch.compile(state.model)  # type: ignore[assignment]

    def piece(self, *, last: bool) -> AbstractContextManager[Any]:  # noqa: ARG002
        """Return the context of a micro-batch; gradients are complete after the `last`."""
        return nullcontext()

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context of a forward pass."""
        return nullcontext()

    def backward(self, loss: Tensor) -> None:
        """Add the gradient of `loss`."""
        loss.backward()  # type: ignore[no-untyped-call]

    def summed(self, values: Tensor) -> Tensor:
        """Return the sum over all processes."""
        return values

    def agree(self, model: nn.Module) -> None:
        """Give all processes the same buffers (BatchNorm's running statistics)."""

    def scaler(self) -> dict[str, Any]:
        """Return the state of the loss's scale, empty where it is not scaled."""
        return {}

    def close(self) -> None:
        """Leave the other processes."""


def require_compiler() -> None:
    """Raise `DeviceError` where there is no C++ compiler, which `compile` needs on the CPU."""
    compiler = os.environ.get("CXX", "clang++" if sys.platform == "darwin" else "g++")
    if shutil.which(compiler) is None:
        raise DeviceError(
            f"train.compile needs a C++ compiler on the CPU, and {compiler} was not found;"
            " install it, or name another in the environment variable CXX"
        )


def check_compiled(objective: Objective, train: Train) -> None:
    """Raise `SettingError` where a method needs what a compiled model cannot give."""
    if train.compile and objective.eager:
        raise SettingError(f"train.compile with {objective.eager}; set train.compile=false")


def check_devices(objective: Objective, devices: int) -> None:
    """Raise `SettingError` where each of several processes would remember something else."""
    if devices > 1 and objective.remembers:
        raise SettingError(
            f"--devices {devices} with a method whose steps leave something to the next: each"
            " process would have its own, and only one of them a checkpoint; use one device"
        )


def step(
    backend: Backend,
    objective: Objective,
    pieces: Sequence[Piece],
    gather: Callable[[Tensor], Batch],
    generator: Generator,
    memory: Memory,
) -> Terms:
    """Take one step.

    Args:
        backend: where.
        objective: what is minimised.
        pieces: this process's micro-batches, one or more.
        gather: rows -> their batch, on the device.
        generator: of the objective's draws.
        memory: what the step before left.

    Returns:
        The terms, detached: sums over the micro-batches, weighted by their share of the rows; and
        what the last of them leaves.
    """
    backend.optimizer.zero_grad(set_to_none=True)
    done = []
    for number, piece in enumerate(pieces, start=1):
        with backend.piece(last=number == len(pieces)):
            with backend.precision():
                terms = objective(backend.model, gather(piece.rows), generator, memory)
            # The gradients of processes are averaged, hence their number.
            backend.backward(_weighed(terms.total, piece.share * backend.size))
        memory = terms.memory
        done.append(Terms(terms.total.detach(), terms.means, terms.counts, memory))
    backend.optimizer.step()
    return _merged(done, [piece.share for piece in pieces])


def _weighed(value: Tensor, weight: float) -> Tensor:
    return value if weight == 1 else value * weight


def _merged(done: Sequence[Terms], shares: Sequence[float]) -> Terms:
    def mean(values: Sequence[Tensor]) -> Tensor:
        weighed = [_weighed(v, share) for v, share in zip(values, shares, strict=True)]
        return sum(weighed[1:], weighed[0])

    def column(terms: Sequence[Mapping[str, Tensor]], name: str) -> list[Tensor]:
        return [one[name] for one in terms]

    means, counts = [one.means for one in done], [one.counts for one in done]
    return Terms(
        mean([one.total for one in done]),
        {name: mean(column(means, name)) for name in means[0]},
        {name: sum(column(counts, name)[1:], counts[0][name]) for name in counts[0]},
        done[-1].memory,
    )
