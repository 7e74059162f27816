"""Stacks of multi-layer perceptrons without `torch.func`: one batched product a layer."""

from __future__ import annotations

from torch import Tensor, nn

from mixup_multi.objectives.stacked_parts import Members, is_known
from mixup_multi.points import Edits, Staged


def is_chain(model: nn.Module) -> bool:
    """Whether `model` is a chain of linear layers, BatchNorm, dropout, functions of an element."""
    parts = model.stages.values() if type(model) is Staged else [model]
    return all(is_known(module) for part in parts for module in part.modules())


def run_chain(model: nn.Module, members: Members, inputs: Tensor, edits: Edits) -> Tensor:
    """Return what M members make of `inputs` `(M, n, d)`.

    Args:
        model: the members' template.
        members: they.
        inputs: each member's own.
        edits: what becomes of the flow `(M, n, d)` at a stage's entrance, by the stage's name;
            of a model without stages, at its `input`.
    """
    if not isinstance(model, Staged):
        return members.dense(model, edits["input"](inputs) if edits else inputs)
    flow = inputs
    for name, stage in model.stages.items():
        flow = edits[name](flow) if name in edits else flow
        flow = members.dense(stage, flow)
    return flow
