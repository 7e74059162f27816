"""Stacks of multi-layer perceptrons without `torch.func`: one batched product a layer.

Short steps cost by the number of operations. What `torch.func` makes of a linear layer are ten
operations, and as many in the gradient; here they are three. Only modules whose whole meaning is
known here, by their exact type, are run like this.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from mixup_multi.points import Edits, Staged

BY_ELEMENT = (
    *(nn.ReLU, nn.LeakyReLU, nn.ELU, nn.GELU, nn.SiLU, nn.Softplus),
    *(nn.Tanh, nn.Sigmoid, nn.Identity),
)


def is_chain(model: nn.Module) -> bool:
    """Whether `model` is a chain of linear layers, BatchNorm and functions of an element."""
    parts = model.stages.values() if type(model) is Staged else [model]
    return all(_is_known(module) for part in parts for module in part.modules())


def _is_known(module: nn.Module) -> bool:
    kind = type(module)
    if isinstance(module, nn.BatchNorm1d):
        plain = module.affine and module.track_running_stats and module.momentum is not None
        return kind is nn.BatchNorm1d and plain
    if isinstance(module, nn.Dropout):
        return kind is nn.Dropout and module.p == 0
    return kind in (nn.Linear, nn.Sequential) or kind in BY_ELEMENT


def run_chain(
    model: nn.Module, stacks: Mapping[str, Tensor], inputs: Tensor, edits: Edits
) -> Tensor:
    """Return what M members make of `inputs` `(M, n, d)`.

    Args:
        model: any member; its structure and its mode are used.
        stacks: parameters and buffers `(M, ...)` by name; running statistics are updated.
        inputs: each member's own.
        edits: what becomes of the flow `(M, n, d)` at a stage's entrance, by the stage's name;
            of a model without stages, at its `input`.
    """
    if not isinstance(model, Staged):
        return _run(model, stacks, edits["input"](inputs) if edits else inputs, "")
    flow = inputs
    for name, stage in model.stages.items():
        flow = edits[name](flow) if name in edits else flow
        flow = _run(stage, stacks, flow, f"stages.{name}.")
    return flow


def _run(module: nn.Module, stacks: Mapping[str, Tensor], flow: Tensor, path: str) -> Tensor:
    if isinstance(module, nn.Sequential):
        for name, child in module.named_children():
            flow = _run(child, stacks, flow, f"{path}{name}.")
        return flow
    if isinstance(module, nn.Linear):
        weight, bias = stacks[f"{path}weight"].mT, stacks.get(f"{path}bias")
        return flow @ weight if bias is None else torch.baddbmm(bias[:, None], flow, weight)
    if isinstance(module, nn.BatchNorm1d):
        return _batch_norm(module, stacks, flow, path)
    return module(flow)  # type: ignore[no-any-return]


def _batch_norm(
    module: nn.BatchNorm1d, stacks: Mapping[str, Tensor], flow: Tensor, path: str
) -> Tensor:
    """Normalise M x d columns of n rows, each by itself."""
    members, n, width = flow.shape
    names = ("running_mean", "running_var", "weight", "bias")
    mean, var, weight, bias = (stacks[f"{path}{name}"].view(-1) for name in names)
    if module.training:
        stacks[f"{path}num_batches_tracked"].add_(1)
    columns = flow.transpose(0, 1).reshape(n, members * width)
    momentum = module.momentum or 0.0
    out = functional.batch_norm(
        columns, mean, var, weight, bias, module.training, momentum, module.eps
    )
    return out.view(n, members, width).transpose(0, 1)
