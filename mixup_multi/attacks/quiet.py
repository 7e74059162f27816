"""Looking at a model without changing it: its mode, its statistics and its gradients stay."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

Mode = Literal["eval", "train"]


@contextmanager
def looked_at(model: nn.Module, mode: Mode, *, update_statistics: bool = False) -> Iterator[None]:
    """Put `model` in a mode, and all its parts back into their own afterwards.

    In `train` mode BatchNorm normalises by the batch, and its running statistics stay as they are
    unless `update_statistics`.
    """
    modes = {module: module.training for module in model.modules()}
    norms = [m for m in modes if isinstance(m, _BatchNorm) and m.track_running_stats]
    try:
        model.train(mode == "train")
        if not update_statistics:
            for norm in norms:
                # Where nothing is tracked a BatchNorm in training does not touch its buffers; in
                # evaluation it reads them all the same, since they are there.
                norm.track_running_stats = False
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        for module, training in modes.items():
            module.training = training


def bare(model: nn.Module) -> nn.Module:
    """Return a model that processes share as it is: looking at it is no step of theirs."""
    inner: nn.Module = getattr(model, "bare", model)
    return inner
