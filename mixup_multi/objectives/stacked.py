"""Many models of one structure as one: parameters and buffers with a leading axis of members.

`torch.func` maps the members' forward pass over the stack. Gradients are taken outside of it, by
ordinary backpropagation from the sum of the members' losses: members share no tensor, so each
gets its own gradient, and the passes of a subset of members are slices of the same leaves.
Multi-layer perceptrons, and models that are run by their parts, do without the map.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from torch import Generator, Tensor, nn
from torch.func import functional_call, vmap

from mixup_multi.batch import Joint
from mixup_multi.mix.draw import Mix
from mixup_multi.mix.linear import mix_rows
from mixup_multi.objectives.stacked_chain import is_chain, run_chain
from mixup_multi.objectives.stacked_dropout import set_generators, with_member_dropout
from mixup_multi.objectives.stacked_parts import Members, paths_of
from mixup_multi.parts import ByParts
from mixup_multi.points import Edits, run_edited
from mixup_multi.tree import Tree, tree_map

Rows = slice | Tensor
"""Which members: a run of them, or their numbers."""


@dataclass(frozen=True, slots=True)
class StackedModel:
    """M models of one structure.

    Attributes:
        template: any one of them; only its structure and its mode are used.
        parameters: `(M, ...)` by name.
        buffers: `(M, ...)` by name; a train-mode BatchNorm updates them in place.
        generators: of the members' dropout, in place of torch's global one.
        paths: of the template's modules where it runs without `torch.func`; empty where by it.
    """

    template: nn.Module
    parameters: Mapping[str, Tensor]
    buffers: Mapping[str, Tensor]
    generators: Sequence[Generator]
    paths: Mapping[int, str]

    @classmethod
    def of(cls, models: Sequence[nn.Module], generators: Sequence[Generator]) -> StackedModel:
        """Return copies of `models` as one, with parameters that are leaves of autograd."""
        first = models[0]
        stack = torch.stack if isinstance(first, ByParts) else _stacked
        named = [dict(model.named_parameters()) for model in models]
        parameters = {
            name: stack([one[name].detach() for one in named]).requires_grad_(like.requires_grad)
            for name, like in named[0].items()
        }
        states = [dict(model.named_buffers()) for model in models]
        buffers = {name: torch.stack([one[name] for one in states]) for name in states[0]}
        by_parts = isinstance(first, ByParts) or is_chain(first)
        template = first if by_parts else with_member_dropout(first)
        return cls(template, parameters, buffers, generators, paths_of(first) if by_parts else {})

    def part(self, rows: Rows) -> StackedModel:
        """Return the members at `rows` with leaves of their own, for a pass of their own.

        Backpropagation through slices would fill a gradient with zeros for all the others. The
        part's gradients have to be added to the whole's; and where `rows` are numbers, which
        makes copies, its buffers have to be put back by `absorb`.
        """
        parameters = {
            name: value.detach()[rows].requires_grad_(value.requires_grad)
            for name, value in self.parameters.items()
        }
        buffers = {name: value[rows] for name, value in self.buffers.items()}
        generators = [self.generators[m] for m in torch.arange(len(self.generators))[rows].tolist()]
        return StackedModel(self.template, parameters, buffers, generators, self.paths)

    def absorb(self, part: StackedModel, rows: Rows) -> None:
        """Take over the buffers of the members at `rows`, once backpropagation has read them."""
        if isinstance(rows, Tensor):
            for name, value in part.buffers.items():
                self.buffers[name][rows] = value

    def trained(self) -> list[Tensor]:
        """Return the parameters that are trained."""
        return [p for p in self.parameters.values() if p.requires_grad]

    def logits(self, inputs: Tree, point: str | None = None, mix: Mix | None = None) -> Tensor:
        """Return the members' logits `(M, n, c)`.

        Args:
            inputs: each member's own, `(M, n, ...)`; or a batch of M n examples of a modality.
            point: where to mix; None to leave the rows as they are.
            mix: of all M n rows, as `mix_together` takes it.

        Raises:
            RuntimeError: the model draws random numbers in another way than by `nn.Dropout`, or
                cannot be mapped.
        """
        mixing = {} if point is None or mix is None else {point: mix}
        members = Members(self.paths, {**self.parameters, **self.buffers}, self.generators)
        if isinstance(self.template, ByParts) and isinstance(inputs, Joint):
            flat = {at: partial(tree_map, partial(mix_rows, mix=one)) for at, one in mixing.items()}
            logits = self.template.forward_by(members, inputs, flat)
            return logits.view(len(self.generators), -1, logits.shape[1])
        if self.paths and isinstance(inputs, Tensor) and inputs.dim() == 3:
            edits = {at: partial(mix_together, mix=one) for at, one in mixing.items()}
            return run_chain(self.template, members, inputs, edits)
        return self._mapped(inputs, mixing)

    def _mapped(self, inputs: Tree, mixing: Mapping[str, Mix]) -> Tensor:
        edits = {
            point: partial(tree_map, partial(_mix_member, mix=mix)) for point, mix in mixing.items()
        }

        def one(parameters: dict[str, Tensor], buffers: dict[str, Tensor], inputs: Tree) -> Tensor:
            member = cast(nn.Module, _Member(self.template, parameters, buffers))
            return run_edited(member, inputs, edits)

        set_generators(self.template, self.generators)
        stacks = dict(self.parameters), dict(self.buffers)
        logits: Tensor = vmap(one, randomness="error")(*stacks, inputs)
        return logits


def mix_together(leaf: Tensor, mix: Mix) -> Tensor:
    """Mix `(M, n, ...)` as one batch of M n rows."""
    return mix_rows(leaf.flatten(0, 1), mix).view(leaf.shape)


def _mix_member(leaf: Tensor, mix: Mix) -> Tensor:
    mixed: Tensor = _MixMember.apply(leaf, mix.partner, mix.own)  # type: ignore[no-untyped-call]
    return mixed


class _MixMember(torch.autograd.Function):
    """Mixing inside of the map over members, where it leaves the map and mixes all together.

    `torch.func` maps the selection of rows eight times as slowly, and `lerp_` by a loop.
    """

    @staticmethod
    def forward(leaf: Tensor, partner: Tensor, own: Tensor) -> Tensor:
        """Never called: there is always a map."""
        raise NotImplementedError

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Keep nothing: the map's rule is differentiated itself."""

    @staticmethod
    def vmap(
        _: Any, dims: tuple[int, None, None], leaf: Tensor, partner: Tensor, own: Tensor
    ) -> tuple[Tensor, int]:
        """Return all members' mixed rows, and where their axis is."""
        return mix_together(leaf.movedim(dims[0], 0), Mix(partner, own)), 0


class _Member:
    """One member inside of the map, called as a model."""

    def __init__(
        self, template: nn.Module, parameters: dict[str, Tensor], buffers: dict[str, Tensor]
    ) -> None:
        self.points = getattr(template, "points", None)
        self._call = (template, (parameters, buffers))

    def __call__(self, inputs: Tree, edits: Edits | None = None) -> Any:
        return functional_call(*self._call, (inputs,), {"edits": edits} if edits else {})


def _stacked(tensors: Sequence[Tensor]) -> Tensor:
    """Stack copies; matrices lie in memory as their transposes.

    A linear layer multiplies by the transpose, and its gradient is that of the transpose.
    """
    if tensors[0].dim() == 2:
        return torch.stack([tensor.mT for tensor in tensors]).mT
    return torch.stack(list(tensors))
