"""Edits within a model that reads attention masks.

A blend of two rows of different lengths has a value wherever one of them has one. So from the
point on, attention sees the union of the partners' masks; before it, each row sees its own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.errors import PointError
from mixup_multi.mix.linear import mix_rows
from mixup_multi.points import Edit

MASK = "attention_mask"
MASKS = (MASK, "pixel_mask", "bool_masked_pos")
"""Inputs that say where a row has values."""


@contextmanager
def edited_at(model: nn.Module, name: str, edit: Edit) -> Iterator[None]:
    """Edit what enters a submodule, and let what runs from there on see the blend's mask."""
    entrance = _Entrance(edit)
    point = model.get_submodule(name)
    followers = [
        module
        for module in model.modules()
        if module is not point and _reads_mask(type(module))  # type: ignore[arg-type]
    ]
    with ExitStack() as stack:
        hooks: list[tuple[nn.Module, Any]] = [(m, entrance.follow) for m in followers]
        for module, hook in [(point, entrance), *hooks]:
            handle = module.register_forward_pre_hook(hook, with_kwargs=True)
            stack.callback(handle.remove)
        yield
    if entrance.times != 1:
        raise PointError(
            f"the submodule {name!r} ran {entrance.times} times in one forward pass; a point must"
            " be reached exactly once, or the batch would be mixed not at all or repeatedly"
        )


class _Entrance:
    """Hooks of one edit: `self` at its point, `follow` at whatever reads the mask behind it."""

    def __init__(self, edit: Edit) -> None:
        self.edit = edit
        self.times = 0
        self.given: Tensor | None = None
        self.united: Tensor | None = None

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        self.times += 1
        first = "" if args else next(iter(kwargs))
        edited = self.edit(kwargs[first] if first else args[0])
        mask = signature(module.forward).bind(*args, **kwargs).arguments.get(MASK, kwargs.get(MASK))
        if isinstance(mask, Tensor):
            self.given, self.united = mask, united(mask, self.edit, len(edited))
        elif mask is not None:
            raise PointError(
                f"the attention mask at this point is a {type(mask).__name__}: expected a tensor;"
                ' load the model with attn_implementation="sdpa" or "eager"'
            )
        if first:
            return self.follow(module, args, {**kwargs, first: edited})
        return self.follow(module, (edited, *args[1:]), kwargs)

    def follow(
        self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Put the united mask where the rows' own mask was given."""
        if self.united is None:
            return args, kwargs
        return tuple(map(self._new, args)), {name: self._new(v) for name, v in kwargs.items()}

    def _new(self, value: Any) -> Any:
        return self.united if value is self.given else value


def united(mask: Tensor, edit: Edit, rows: int) -> Tensor:
    """Return the mask of blended rows, where one of the partners has a value.

    Args:
        mask: `(n, ...)`: True, or a number other than 0, where a row has values; or what is added
            to the scores of attention, floating point, which is 0 there.
        edit: what has just been made of the rows; it may have blended them.
        rows: how many rows it returned.
    """
    if len(mask) == 1 and rows > 1:
        return mask  # one for all rows
    if len(mask) != rows:
        raise PointError(
            f"{rows} rows were made of {len(mask)}, each with a mask of its own: expected as many;"
            " MixupE's `fused` is not for inputs with masks"
        )
    last = getattr(edit, "second", edit)  # a blend behind an attack
    mix = getattr(last, "label_mix", None)
    if mix is None:
        return mask
    added = mask.is_floating_point()
    has_value = (mask == 0) if added else (mask != 0)
    united = mix_rows(has_value.float(), mix) != 0
    if not added:
        return united.to(mask.dtype)
    nowhere = torch.full_like(mask, torch.finfo(mask.dtype).min)
    return torch.where(united, torch.zeros_like(mask), nowhere)


@cache
def _reads_mask(kind: type[nn.Module]) -> bool:
    return MASK in signature(kind.forward).parameters
