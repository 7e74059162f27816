"""A mixed batch beside the clean one: in two passes as in most papers, or in one over both.

In one pass a BatchNorm sees a batch of clean and mixed rows, where two passes show it each kind
alone and update its statistics twice. One pass suits devices that a batch does not fill.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import PointError
from mixup_multi.objectives.objective import Draw, Terms
from mixup_multi.objectives.vicinal import Vicinal
from mixup_multi.points import Edit, run_edited
from mixup_multi.tree import Tree, tree_map

_OTHER_ROWS = re.compile(r"size of tensor|[Ss]izes of tensors")
"""What torch says of tensors that cannot be added or concatenated."""


def in_two_passes(
    inner: Vicinal, model: nn.Module, batch: Batch, draw: Draw, probe: Edit | None = None
) -> tuple[Terms, Tensor]:
    """Return the mixed terms, and the logits `(n, c)` of the clean rows, edited by `probe`."""
    mixed = inner.loss(model, batch, draw)
    if probe is None:
        return mixed, model(batch.inputs)
    return mixed, run_edited(model, batch.inputs, {inner.point(model, draw): probe})


def in_one_pass(
    inner: Vicinal, model: nn.Module, batch: Batch, draw: Draw, probe: Edit | None = None
) -> tuple[Terms, Tensor]:
    """Return the same of one pass, with the clean rows above the mixed ones from the point on."""
    blending = inner.blending(model, batch, draw)

    def both(flow: Tree) -> Tree:
        blended = blending(flow)  # first, as it refuses what cannot be mixed
        clean = flow if probe is None else probe(flow)
        return tree_map(lambda *pair: torch.cat(pair), clean, blended)

    point = inner.point(model, draw)
    try:
        logits = run_edited(model, batch.inputs, {point: both})
    except RuntimeError as error:
        if not _OTHER_ROWS.search(str(error)):
            raise
        raise _refused(point, f"the model failed then ({error})") from error
    if len(logits) != 2 * len(batch):
        raise _refused(point, f"the model returned {len(logits)} rows for {len(batch)} examples")
    clean, mixed = logits.chunk(2)
    return inner.score(mixed, batch.targets, blending), clean


def _refused(point: str, what: str) -> PointError:
    return PointError(
        f"from the point {point} on, clean and mixed rows were to pass the model together, and"
        f" {what}: what joins the flow after the point, such as a residual, has no rows of the"
        " mixed. Expected a point that all passes, or two passes: form='paper' of regmixup,"
        " fused=False of mixupe"
    )
