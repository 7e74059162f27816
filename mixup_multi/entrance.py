"""The entrance of a submodule: which of its arguments flows there, and whether it runs twice.

What enters is changed by a hook that lives for one forward pass. Activation checkpointing runs a
segment again in the backward pass, when the hook is gone: the loss would be of what was changed
and the gradients of what was not. So a hook within a segment is refused.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import torch
from torch import nn

from mixup_multi.errors import PointError

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

_CHECKPOINTS = (
    "torch.utils.checkpoint",
    "deepspeed.runtime.activation_checkpointing.checkpointing",
    "fairscale.nn.checkpoint.checkpoint_activations",
)
"""Modules whose functions run a segment that they run again in the backward pass."""


def changed(
    module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], edit: Callable[[Any], Any]
) -> Arguments:
    """Return a call's arguments with the first one edited, in the order of `forward`'s parameters.

    Raises:
        PointError: all are named, and `forward` does not say which one comes first.
    """
    if args:
        return (edit(args[0]), *args[1:]), kwargs
    first = _first(module, kwargs)
    return args, {**kwargs, first: edit(kwargs[first])}


def _first(module: nn.Module, kwargs: dict[str, Any]) -> str:
    inner = getattr(module, "_orig_mod", module)  # compiled code takes anything
    parameters = inspect.signature(inner.forward).parameters
    given = [name for name in parameters if kwargs.get(name) is not None]
    given = given or [name for name, value in kwargs.items() if value is not None]
    if not given or (len(given) > 1 and given[0] not in parameters):
        raise PointError(
            f"{type(inner).__name__} is called with {', '.join(kwargs) or 'no arguments'}, and its"
            " `forward` does not say which of them comes first: expected one that is given by"
            " place, or a submodule whose `forward` names its parameters"
        )
    return given[0]


class Segments:
    """Knows of one forward pass whether it is within a checkpointed segment of its own."""

    def __init__(self) -> None:
        self._outside = _running() if torch.is_grad_enabled() else None

    def check(self, name: str) -> None:
        """Raise `PointError` where what runs now will run again, without its hooks."""
        if self._outside is not None and _running() > self._outside:
            raise PointError(
                f"the submodule {name!r} runs within a segment of activation checkpointing, which"
                " the backward pass would run again without mixing: expected a point between"
                " segments (the input, the head, what holds all segments), or no checkpointing"
            )


def _running() -> int:
    """Return how many functions of checkpointing are being called; compiled code has none."""
    if torch.compiler.is_compiling():
        return 0
    frame: FrameType | None = sys._getframe()
    count = 0
    while frame is not None:
        count += frame.f_globals.get("__name__") in _CHECKPOINTS
        frame = frame.f_back
    return count
