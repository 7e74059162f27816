"""The members' weights, buffers and optimiser states as one stack, and back again.

PyTorch's own optimisers work element by element, so one of them over stacked tensors is exactly
one for each member. Members of different learning rate or weight decay are parameter groups of
their own: views of their rows of the stack.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import torch
from torch import Tensor

from mixup_multi.engine.cohort_feed import feed_of
from mixup_multi.engine.loop import Job
from mixup_multi.engine.optimizer import optimizer_of
from mixup_multi.engine.state import State
from mixup_multi.objectives.stacked import Rows, StackedModel

ALL = slice(None)


class Stack:
    """The states of members at one epoch, as one.

    Args:
        jobs: the members; those of equal learning rate and weight decay are neighbours.
        states: theirs, as many steps on; they are left as they are until `write_back`.
    """

    def __init__(self, jobs: Sequence[Job], states: Sequence[State]) -> None:
        generators = [state.dropout_generator for state in states]
        self.model = StackedModel.of([state.model for state in states], generators)
        self.feed = feed_of([job.data.train for job in jobs], jobs[0].device)
        self.trained = self.model.trained()
        self._jobs, self._states = jobs, states
        self._rows = _runs([(job.train.lr, job.train.weight_decay) for job in jobs])
        self._views = [[leaf.detach()[rows] for leaf in self.trained] for rows in self._rows]
        self._optimizer = self._stacked_optimizer()

    def set_rates(self, epoch: int) -> list[float]:
        """Set and return the members' learning rates for `epoch` (from 0)."""
        trains = [job.train for job in self._jobs]
        rates = [train.schedule.rate(train.lr, epoch, train.epochs) for train in trains]
        for group, rows in zip(self._optimizer.param_groups, self._rows, strict=True):
            group["lr"] = rates[rows.start]
        for state, rate in zip(self._states, rates, strict=True):
            state.optimizer.param_groups[0]["lr"] = rate
        return rates

    def step(self, losses: Tensor, part: StackedModel | None = None, rows: Rows = ALL) -> None:
        """Take each member's step down its own loss.

        Args:
            losses: `(M,)`.
            part: the members at `rows`, where they made a pass of their own.
            rows: theirs.
        """
        leaves = self.trained if part is None else [*self.trained, *part.trained()]
        gradients = torch.autograd.grad(losses.sum(), leaves, allow_unused=True)
        if part is not None:
            self.model.absorb(part, rows)
        whole: list[Tensor | None] = list(gradients[: len(self.trained)])
        for place, more in enumerate(gradients[len(whole) :]):
            whole[place] = _sum(whole[place], more, rows)
        for run, views in zip(self._rows, self._views, strict=True):
            for view, gradient in zip(views, whole, strict=True):
                view.grad = None if gradient is None else _laid_out(gradient[run], view)
        self._optimizer.step()

    def finite(self) -> Tensor:
        """Return whether all of a member's weights are finite, `(M,)`."""
        leaves = [leaf.detach().isfinite().reshape(len(leaf), -1).all(1) for leaf in self.trained]
        return torch.stack(leaves).all(0)

    @torch.no_grad()
    def write_back(self) -> None:
        """Copy weights, buffers and optimiser states into the members' states."""
        self.write_back_models()
        for rows, views in zip(self._rows, self._views, strict=True):
            for place, view in enumerate(views):
                stacked = self._optimizer.state.get(view, {})
                for row, member in enumerate(_members(rows)):
                    optimizer = self._states[member].optimizer
                    parameter = optimizer.param_groups[0]["params"][place]
                    optimizer.state[parameter] = _unstacked(stacked, row, parameter)

    @torch.no_grad()
    def write_back_models(self) -> None:
        """Copy weights and buffers into the members' models."""
        models = [state.model for state in self._states]
        for name, stack in self.model.parameters.items():
            torch._foreach_copy_([model.get_parameter(name) for model in models], list(stack))
        for name, stack in self.model.buffers.items():
            torch._foreach_copy_([model.get_buffer(name) for model in models], list(stack))

    def _stacked_optimizer(self) -> torch.optim.Optimizer:
        first = [self._jobs[rows.start].train for rows in self._rows]
        groups = [
            {"params": views, "lr": train.lr, "weight_decay": train.weight_decay}
            for views, train in zip(self._views, first, strict=True)
        ]
        optimizer = optimizer_of(groups, self._jobs[0].train)
        for rows, views in zip(self._rows, self._views, strict=True):
            optimizers = [self._states[member].optimizer for member in _members(rows)]
            for place, view in enumerate(views):
                own = [one.param_groups[0]["params"][place] for one in optimizers]
                states = [one.state.get(p, {}) for one, p in zip(optimizers, own, strict=True)]
                if all(states):
                    optimizer.state[view] = _stacked(states, view)
        return optimizer


def _sum(whole: Tensor | None, part: Tensor | None, rows: Rows) -> Tensor | None:
    """Return `whole` with `part` added at `rows`; autograd may have given one tensor twice."""
    if whole is None or part is None:
        return whole
    whole = whole.clone()
    whole[rows] += part
    return whole


def _runs(keys: Sequence[object]) -> list[slice]:
    """Return the runs of equal keys."""
    runs: list[slice] = []
    for _, run in groupby(keys):
        begin = runs[-1].stop if runs else 0
        runs.append(slice(begin, begin + len(list(run))))
    return runs


def _members(rows: slice) -> range:
    return range(rows.start, rows.stop)


def _laid_out(tensor: Tensor, like: Tensor) -> Tensor:
    """Return `tensor` in the memory order of `like`, by which fused kernels go."""
    return tensor if tensor.stride() == like.stride() else torch.empty_like(like).copy_(tensor)


def _stacked(states: Sequence[dict[str, Tensor]], view: Tensor) -> dict[str, Tensor]:
    """Return one parameter's optimiser states as one; the count of steps is common to all."""
    return {
        name: first.to(view.device, copy=True)
        if name == "step"
        else _laid_out(torch.stack([state[name] for state in states]), view)
        for name, first in states[0].items()
    }


def _unstacked(stacked: dict[str, Tensor], row: int, parameter: Tensor) -> dict[str, Tensor]:
    """Return one member's part of an optimiser state; a count of steps lies on the CPU."""
    return {
        name: value.cpu().clone()
        if name == "step"
        else torch.empty_like(parameter, requires_grad=False).copy_(value[row])
        for name, value in stacked.items()
    }
