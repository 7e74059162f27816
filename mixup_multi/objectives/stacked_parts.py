"""Modules whose whole meaning is known here, by their exact type, run for M members together.

What `torch.func` makes of a linear layer are ten operations, and as many in the gradient; here
they are three. Short steps cost by the number of operations.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Generator, Tensor, nn
from torch.nn import functional

from mixup_multi.objectives import stacked_ragged
from mixup_multi.objectives.stacked_dropout import is_dropout, member_dropout
from mixup_multi.parts import Counts

BY_ELEMENT = (
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus),
    *(nn.Tanh, nn.Sigmoid, nn.Identity),
)


def is_known(module: nn.Module) -> bool:
    """Whether `Members` can run `module`, its children aside."""
    kind = type(module)
    if isinstance(module, nn.BatchNorm1d):
        plain = module.affine and module.track_running_stats and module.momentum is not None
        return kind is nn.BatchNorm1d and plain
    return is_dropout(module) or kind in (nn.Linear, nn.Sequential) or kind in BY_ELEMENT


def paths_of(model: nn.Module) -> Mapping[int, str]:
    """Return by the identity of each module in `model` what its tensors' names begin with."""
    return {id(m): f"{name}." if name else "" for name, m in model.named_modules()}


@dataclass(frozen=True, slots=True)
class Members:
    """M members' parts (a `Run`).

    Attributes:
        paths: of the template's modules, as `paths_of` returns them.
        stacks: parameters and buffers `(M, ...)` by name; running statistics are updated.
        generators: of the members' dropout.
    """

    paths: Mapping[int, str]
    stacks: Mapping[str, Tensor]
    generators: Sequence[Generator]

    def __call__(self, part: nn.Module, rows: Tensor, counts: Counts = None) -> Tensor:
        """Return what the members' `part` makes of `rows` `(r, d)`, one member's after another's.

        Raises:
            TypeError: the module's meaning is not known here.
        """
        if counts is None:
            counts = [len(rows) // len(self.generators)] * len(self.generators)
        if isinstance(part, nn.Sequential):
            for child in part:
                rows = self(child, rows, counts)
            return rows
        path = self._path(part)
        if isinstance(part, nn.Linear):
            weight, bias = self.stacks[f"{path}weight"], self.stacks.get(f"{path}bias")
            return stacked_ragged.linear(rows, weight, bias, counts)
        if isinstance(part, nn.BatchNorm1d):
            mean, var, *affine = self._norm(part, path)
            how = part.training, part.momentum or 0.0, part.eps
            return stacked_ragged.batch_norm(
                rows, (affine[0], affine[1]), (mean, var), counts, *how
            )
        if is_dropout(part):
            return member_dropout(part, torch.split(rows, counts), self.generators)
        return part(rows)  # type: ignore[no-any-return]

    def value(self, part: nn.Module, name: str, counts: list[int]) -> Tensor:
        """Return a parameter that is a number, `(r, 1)`: the member's for each of its rows."""
        number = self.stacks[f"{self.paths[id(part)]}{name}"]
        times = torch.tensor(counts, device=number.device)
        return number.repeat_interleave(times, output_size=sum(counts))[:, None]

    def counts(self, sizes: Tensor) -> list[int]:
        """Return the members' rows where the batch's examples have `sizes` rows, `(n,)`."""
        return [int(rows) for rows in sizes.view(len(self.generators), -1).sum(1)]

    def dense(self, part: nn.Module, flow: Tensor) -> Tensor:
        """Return what the members' `part` makes of `flow` `(M, n, d)`.

        Raises:
            TypeError: the module's meaning is not known here.
        """
        if isinstance(part, nn.Sequential):
            for child in part:
                flow = self.dense(child, flow)
            return flow
        path = self._path(part)
        if isinstance(part, nn.Linear):
            weight, bias = self.stacks[f"{path}weight"].mT, self.stacks.get(f"{path}bias")
            return flow @ weight if bias is None else torch.baddbmm(bias[:, None], flow, weight)
        if isinstance(part, nn.BatchNorm1d):
            return self._batch_norm(part, path, flow)
        if is_dropout(part):
            return member_dropout(part, flow, self.generators)
        return part(flow)  # type: ignore[no-any-return]

    def _path(self, part: nn.Module) -> str:
        if not is_known(part):
            raise TypeError(f"{type(part).__name__} is not a part that members run together")
        return self.paths[id(part)]

    def _norm(self, part: nn.BatchNorm1d, path: str) -> list[Tensor]:
        """Count a pass in training; return running mean and variance, weight and bias."""
        if part.training:
            self.stacks[f"{path}num_batches_tracked"].add_(1)
        names = ("running_mean", "running_var", "weight", "bias")
        return [self.stacks[f"{path}{name}"] for name in names]

    def _batch_norm(self, part: nn.BatchNorm1d, path: str, flow: Tensor) -> Tensor:
        """Normalise M x d columns of n rows, each by itself."""
        members, n, width = flow.shape
        mean, var, weight, bias = (stack.view(-1) for stack in self._norm(part, path))
        columns = flow.transpose(0, 1).reshape(n, members * width)
        momentum = part.momentum or 0.0
        out = functional.batch_norm(
            columns, mean, var, weight, bias, part.training, momentum, part.eps
        )
        return out.view(n, members, width).transpose(0, 1)
