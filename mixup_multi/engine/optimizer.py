"""The optimiser that a recipe names, over a model's parameters or over a cohort's stacks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.engine.settings import Train
from mixup_multi.errors import SettingError


def trained_parameters(model: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that are trained.

    Raises:
        SettingError: there are none.
    """
    parameters = [p for p in model.parameters() if p.requires_grad]
    if not parameters:
        raise SettingError("the model has no parameters to train")
    return parameters


def optimizer_of(
    parameters: Sequence[Tensor] | Sequence[dict[str, Any]], train: Train
) -> torch.optim.Optimizer:
    """Return the optimiser of `parameters` (or of groups of them that override settings).

    One kernel updates all tensors where PyTorch has it: on a CPU its loops over big layers were
    measured to take 13 times as long, and the numbers of SGD are the same bits.

    Args:
        parameters: tensors, or PyTorch's parameter groups.
        train: the recipe's section.
    """
    first = parameters[0]
    tensor = first["params"][0] if isinstance(first, dict) else first
    fused = True if tensor.device.type in ("cpu", "cuda") else None
    if train.optimizer == "sgd":
        return torch.optim.SGD(
            parameters,
            lr=train.lr,
            momentum=train.momentum,
            weight_decay=train.weight_decay,
            nesterov=train.nesterov,
            fused=fused,
        )
    kind = torch.optim.Adam if train.optimizer == "adam" else torch.optim.AdamW
    return kind(parameters, lr=train.lr, weight_decay=train.weight_decay, fused=fused)
