"""Edits within a model that reads attention masks.

A blend of two rows of different lengths has a value wherever one of them has one. So from the
point on, attention sees the union of the partners' masks; before it, each row sees its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from inspect import signature
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi.entrance import Arguments, Segments, changed
from mixup_multi.errors import PointError
from mixup_multi.mix.draw import Mix
from mixup_multi.mix.linear import mix_rows
from mixup_multi.points import Edit

MASK = "attention_mask"
MASKS = (MASK, "pixel_mask", "bool_masked_pos")
"""Inputs that say where a row has values."""


@contextmanager
def edited_at(
    model: nn.Module, name: str, edit: Edit, check: Callable[[], None] = lambda: None
) -> Iterator[None]:
    """Edit what enters a submodule, and let what runs from there on see the blend's mask.

    `check` is called before sequences are blended, `(n, length, ...)`.
    """
    entrance = _Entrance(name, edit, check)
    point = model.get_submodule(name)
    with ExitStack() as stack:
        hooks: list[tuple[nn.Module, Any]] = [
            (module, partial(entrance.follow, of))
            for of, module in model.named_modules()
            if module is not point and _reads_mask(type(module))  # type: ignore[arg-type]
        ]
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

    def __init__(self, name: str, edit: Edit, check: Callable[[], None]) -> None:
        self.name = name
        self.edit = edit
        self.check = check
        self.segments = Segments()
        self.times = 0
        self.edited: Any = None
        self.united: list[tuple[Tensor, Tensor]] = []
        self.handed: list[str] = []

    def __call__(
        self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Arguments:
        self.segments.check(self.name)
        self.times += 1
        args, kwargs = changed(module, args, kwargs, self._edited)
        return self.follow(self.name, module, args, kwargs)

    def _edited(self, flow: Any) -> Any:
        if isinstance(flow, Tensor) and flow.dim() > 2 and _label_mix(self.edit) is not None:
            self.check()
        self.edited = self.edit(flow)
        return self.edited

    def follow(
        self, of: str, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Arguments:
        """Put the united mask where the rows' own mask was given, to the submodule called `of`."""
        if not self.times:
            return args, kwargs
        self._unite(_mask(module, args, kwargs), of)
        if not self.united:
            return args, kwargs
        return tuple(map(self._new, args)), {name: self._new(v) for name, v in kwargs.items()}

    def _unite(self, mask: Any, of: str) -> None:
        """Unite a mask that the rows brought along; layers may be given one of several kinds."""
        if mask is None or any(of.startswith(f"{outer}.") for outer in self.handed):
            return  # what is within made its mask of a united one
        if not isinstance(mask, Tensor):
            raise PointError(
                f"the attention mask at this point is a {type(mask).__name__}: expected a tensor;"
                ' load the model with attn_implementation="sdpa" or "eager"'
            )
        self.segments.check(self.name)
        self.handed.append(of)
        if self._new(mask) is mask:
            self.united.append((mask, united(mask, self.edit, len(self.edited))))

    def _new(self, value: Any) -> Any:
        return next((new for given, new in self.united if value is given), value)


def _mask(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    return signature(module.forward).bind(*args, **kwargs).arguments.get(MASK, kwargs.get(MASK))


def _label_mix(edit: Edit) -> Mix | None:
    """Return how the rows, and so their labels, are mixed by an edit; None where they are not."""
    mix: Mix | None = getattr(getattr(edit, "second", edit), "label_mix", None)  # behind an attack
    return mix


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
    mix = _label_mix(edit)
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
