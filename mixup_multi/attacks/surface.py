"""A model's logits as a function of what flows at one of its points.

Attacks climb on it; evaluations ask for its gradients, and how it bends. At an input with bounds
its argument is the input; elsewhere it is all that flows there, one row an example.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mixup_multi.attacks.flat import Flat
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError
from mixup_multi.points import flow_at, run_edited
from mixup_multi.tree import Tree, leaves, tree_map


@dataclass(frozen=True)
class Surface:
    """Logits around a batch.

    Attributes:
        centre: `(n, ...)` what flows at the point, detached.
        bounds: of `centre`, on its device; hidden states have no range, and their own size as unit.
        logits: `logits(x)`, `(n, c)`, of what may flow there instead.
        flat: turns rows into what flows; None where `centre` is the input itself.
    """

    centre: Tensor
    bounds: Bounds
    logits: Callable[[Tensor], Tensor]
    flat: Flat | None = None


def surface_at(model: nn.Module, inputs: Tree, point: str, bounds: Bounds | None) -> Surface:
    """Return the surface of `model` around what flows at `point`.

    Args:
        model: in the mode in which it is to be looked at.
        inputs: n examples; a tensor where the point is the input and it has bounds.
        point: one that the model offers.
        bounds: of inputs; not used at hidden points.

    Raises:
        PointError: what flows there is no tree of floating point tensors.
    """
    if point == "input" and bounds is not None:
        centre: Tensor = inputs.detach()
        return Surface(centre, bounds.to(centre), model)
    flow = flow_at(model, inputs, point)
    _check_floating(flow, point)
    flat = Flat(flow)

    def logits(rows: Tensor) -> Tensor:
        moved = tree_map(torch.clone, flat.tree(rows))  # the next layer may work in place
        return run_edited(model, inputs, {point: lambda _: moved})

    return Surface(flat.rows, flat.bounds, logits, flat)


def _check_floating(flow: Tree, point: str) -> None:
    try:
        if all(leaf.is_floating_point() for leaf in leaves(flow)):
            return
        given = "it holds integers"
    except TypeError as error:
        given = str(error)
    raise PointError(
        f"what flows at the point {point!r} cannot be moved a little ({given}): expected a tree of"
        " floating point tensors; choose a point behind it, e.g. after an embedding or a readout"
    )
