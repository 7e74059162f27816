"""Devices and memory order."""

from __future__ import annotations

import ctypes

import torch
from torch import Tensor, nn

from mixup_multi.errors import DeviceError
from mixup_multi.tree import Tree, tree_map


def pick_device(name: str) -> torch.device:
    """Return the device called `name`: `auto` (CUDA where there is one), `cpu`, `cuda`, `cuda:1`.

    Raises:
        DeviceError: this machine does not have it.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise DeviceError(
            f"device is {name!r}: expected auto, cpu, cuda or cuda:N (N from 0)"
        ) from error
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceError(
            f"device {name!r} was asked for, but this machine has {torch.cuda.device_count()}"
            " CUDA devices; use --device cpu, or auto"
        )
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise DeviceError("device 'mps' was asked for, but this machine has none; use --device cpu")
    if device.type not in ("cpu", "cuda", "mps"):
        raise DeviceError(f"device is {name!r}: expected auto, cpu, cuda or cuda:N (N from 0)")
    return device


def to_channels_last(model: nn.Module) -> nn.Module:
    """Return the model with its 4-dimensional weights in channels-last order (same values)."""
    return model.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def model_inputs(inputs: Tree, channels_last: bool) -> Tree:
    """Return inputs whose 4-dimensional leaves are in channels-last order, if asked for.

    Anything that is not a tree of tensors (a graph batch) is returned as it is.
    """
    if not channels_last or not isinstance(inputs, Tensor | dict | tuple | list):
        return inputs
    return tree_map(_leaf_channels_last, inputs)


def _leaf_channels_last(leaf: Tensor) -> Tensor:
    if leaf.dim() != 4:
        return leaf
    return leaf.contiguous(memory_format=torch.channels_last)


def keep_freed_memory() -> None:
    """Let this process reuse freed blocks of up to 32 MiB instead of returning them.

    The tensors of a stack of models are just large enough for glibc to ask the system for new
    pages in every operation, which takes a third of a step's time on the CPU. Without glibc this
    does nothing.
    """
    try:
        tune = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError, TypeError):
        return
    trim_threshold, mmap_threshold = -1, -3  # of malloc.h
    tune(mmap_threshold, 32 * 2**20)
    tune(trim_threshold, 512 * 2**20)
