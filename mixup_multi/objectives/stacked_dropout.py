"""Dropout of members that run together, each with the mask that it has alone.

Alone, dropout draws from torch's global generator. A member has a generator in its place, and its
masks are drawn one by one, in the order of its passes, by the very operation that dropout uses.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Generator, Tensor, nn


def is_dropout(module: nn.Module) -> bool:
    """Whether `module` drops single numbers, and so is understood here."""
    return type(module) is nn.Dropout


def member_dropout(
    module: nn.Module, flow: Tensor | Sequence[Tensor], generators: Sequence[Generator]
) -> Tensor:
    """Return `flow` with numbers of it dropped, and the rest scaled up, as the module's mode says.

    Args:
        module: dropout.
        flow: `(M, ...)`; or the members' parts of what becomes one tensor.
        generators: M of them, where the flow is.
    """
    whole = flow if isinstance(flow, Tensor) else torch.cat(list(flow))
    share = float(module.p)  # type: ignore[arg-type]
    if not module.training or share == 0 or not whole.numel():
        return whole
    if share == 1:
        return whole * 0.0
    mask = torch.empty(whole.shape, dtype=whole.dtype, device=whole.device)
    parts = mask.unbind() if isinstance(flow, Tensor) else torch.split(mask, [len(x) for x in flow])
    for part, generator in zip(parts, generators, strict=True):
        part.bernoulli_(1 - share, generator=generator)
    return whole * mask.div_(1 - share)


def with_member_dropout(model: nn.Module) -> nn.Module:
    """Return `model`, or a copy where it has dropout, which then leaves `torch.func`'s map."""
    if not any(is_dropout(module) for module in model.modules()):
        return model
    model = deepcopy(model)
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if is_dropout(child):
                setattr(parent, name, _Mapped(child))
    return model


def set_generators(model: nn.Module, generators: Sequence[Generator]) -> None:
    """Say whose dropout the next pass of a model of `with_member_dropout` draws."""
    for module in model.modules():
        if isinstance(module, _Mapped):
            module.generators = generators


class _Mapped(nn.Module):
    """Dropout inside of the map over members, where it drops all members' numbers together."""

    def __init__(self, dropout: nn.Module) -> None:
        super().__init__()
        self.dropout = dropout
        self.generators: Sequence[Generator] = ()

    def forward(self, flow: Tensor) -> Tensor:
        dropped: Tensor = _DropMember.apply(flow, self)  # type: ignore[no-untyped-call]
        return dropped


class _DropMember(torch.autograd.Function):
    @staticmethod
    def forward(flow: Tensor, module: _Mapped) -> Tensor:
        """Never called: there is always a map."""
        raise NotImplementedError

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing: the map's rule is differentiated itself."""

    @staticmethod
    def vmap(_: Any, dims: tuple[int, None], flow: Tensor, module: _Mapped) -> tuple[Tensor, int]:
        """Return all members' numbers, and where their axis is."""
        return member_dropout(module.dropout, flow.movedim(dims[0], 0), module.generators), 0
