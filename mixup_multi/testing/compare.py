"""Whether anything changed: pictures of objects, and of the generators that everybody shares."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from mixup_multi.testing.contract import broken
from mixup_multi.tree import leaves


def picture(thing: Any, _within: tuple[int, ...] = ()) -> Any:
    """Return a copy of all that a thing holds, as tuples, to be compared later by `alike`."""
    if isinstance(thing, Tensor):
        return thing.detach().clone()
    if isinstance(thing, torch.Generator):
        return thing.get_state()
    if isinstance(thing, np.ndarray):
        return torch.from_numpy(thing.copy()) if thing.dtype.kind in "biuf" else thing.tolist()
    if id(thing) in _within:
        return "itself"
    within = (*_within, id(thing))
    if isinstance(thing, Mapping):
        return tuple((key, picture(value, within)) for key, value in thing.items())
    if isinstance(thing, tuple | list):
        return tuple(picture(item, within) for item in thing)
    held = _held(thing)
    if held is None:
        return thing
    return (type(thing), *((name, picture(value, within)) for name, value in held.items()))


def _held(thing: Any) -> dict[str, Any] | None:
    """Return what an object of a class holds; None of a plain value, a class or a function."""
    if isinstance(thing, type) or callable(getattr(thing, "__code__", None)):
        return None
    if isinstance(thing, nn.Module):
        modes = {name: module.training for name, module in thing.named_modules()}
        return {"state": dict(thing.state_dict()), "modes": modes}
    if dataclasses.is_dataclass(thing):
        return {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    if type(thing).__module__ == "builtins" or not hasattr(thing, "__dict__"):
        return None
    return None if hasattr(thing, "__code__") else dict(vars(thing))


def alike(one: Any, other: Any) -> bool:
    """Return whether two pictures are equal, bit for bit; NaN equals NaN."""
    if isinstance(one, Tensor):
        return isinstance(other, Tensor) and same_bits(one, other)
    if isinstance(one, tuple):
        fits = isinstance(other, tuple) and len(one) == len(other)
        return fits and all(map(alike, one, other))
    return one is other or bool(one == other) or (one != one and other != other)


def same_bits(one: Tensor, other: Tensor) -> bool:
    """Return whether two tensors have equal types, shapes and values; NaN equals NaN."""
    if one.dtype != other.dtype or one.shape != other.shape:
        return False
    return torch.equal(one, other) or bool(
        ((one == other) | ((one != one) & (other != other))).all()
    )


def tensors_of(inputs: Any) -> list[Tensor]:
    """Return the tensors of a tree, or of the fields of a modality's own object (graphs)."""
    try:
        return list(leaves(inputs))
    except TypeError:
        if dataclasses.is_dataclass(inputs):
            values = [getattr(inputs, field.name) for field in dataclasses.fields(inputs)]
        else:
            values = list(getattr(inputs, "__dict__", {}).values())
        return [value for value in values if isinstance(value, Tensor)]


def all_same(one: Any, other: Any) -> bool:
    """Return whether the tensors of two inputs are equal, bit for bit."""
    a, b = tensors_of(one), tensors_of(other)
    return len(a) == len(b) and all(map(same_bits, a, b))


@contextmanager
def global_generators_stay(what: str, mend: str) -> Iterator[None]:
    """Break the rule where what is run draws from a generator that everybody shares."""
    before = _global_states()
    yield
    for name, state in _global_states().items():
        if not alike(state, before[name]):
            broken(f"{what} changed {name}", mend)


def _global_states() -> dict[str, Any]:
    return {
        "torch's global generator": torch.get_rng_state(),
        "numpy's global generator": picture(np.random.get_state()),
        "the generator of Python's `random`": random.getstate(),
    }


def shape_of(tensor: Any) -> str:
    """Return type and shape, for messages."""
    if not isinstance(tensor, Tensor):
        return f"a {type(tensor).__name__}"
    return f"{tuple(tensor.shape)} of {str(tensor.dtype).removeprefix('torch.')}"


def unsound(inputs: Any) -> bool:
    """Return whether floating inputs hold NaN or infinity."""
    floats = [leaf for leaf in tensors_of(inputs) if leaf.is_floating_point()]
    return not all(bool(leaf.isfinite().all()) for leaf in floats)


def unsound_row(tensor: Tensor) -> int | None:
    """Return the first row that holds NaN or infinity; None where there is none."""
    rows = (~tensor.isfinite()).reshape(len(tensor), -1).any(1).nonzero().flatten().tolist()
    return rows[0] if rows else None
