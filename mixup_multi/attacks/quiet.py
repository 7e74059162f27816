"""Looking at a model without changing it: its mode, its statistics and its gradients stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Mode = Literal["eval", "train"]


@contextmanager
def looked_at(model: nn.Module, mode: Mode, *, update_statistics: bool = False) -> Iterator[None]:
    """Put `model` in a mode, and all its parts back into their own afterwards.

    `train` leaves a model that is being trained as it is, so that its frozen parts stay frozen;
    BatchNorm normalises by the batch, and running statistics stay as they are unless
    `update_statistics`.
    """
    modes = {module: module.training for module in model.modules()}
    try:
        if mode == "eval":
            model.eval()
        elif not model.training:
            model.train()
        if update_statistics:
            yield
        else:
            with _still(model):
                yield
    finally:
        for module, training in modes.items():
            module.training = training


@contextmanager
def own_dropout(mode: Mode, seed: int, device: torch.device) -> Iterator[None]:
    """Let what draws from torch's global generator in `train` mode (dropout) draw by a seed.

    The global generators are as they were afterwards, so that looking leaves no trace in them.
    """
    if mode == "eval":
        yield
        return
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield


@contextmanager
def _still(model: nn.Module) -> Iterator[None]:
    """Keep a model's buffers as they are."""
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    others = [m for m in model.modules() if m.training and m not in set(norms)]
    kept = [
        (module, name, buffer, buffer._version, buffer.clone())
        for module in others
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        for norm in norms:
            # Where nothing is tracked a BatchNorm in training does not touch its buffers; in
            # evaluation it reads them all the same, since they are there. To copy them back
            # instead would spoil the gradient of an earlier pass, which has kept them.
            norm.track_running_stats = False
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        for module, name, buffer, version, copy in kept:
            module._buffers[name] = buffer
            if buffer._version != version:
                with torch.no_grad():
                    buffer.copy_(copy)
