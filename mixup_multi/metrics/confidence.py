"""How sure a prediction is, and whether it is right: what calibration and ranking are of.

The confidence is max_k p_k = 1 / sum_k exp(f_k - max f). Right is the target's weight at the
predicted class: 1 or 0 for a hard label, a share for a soft one. Independent labels have many
confidences a row, so this is of classes alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.metrics.rows import check, rows_of

CHUNK = 2**18
"""How many numbers are looked at at a time: they stay in the processor's cache."""


def confidences(logits: Tensor, targets: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return confidence in [1 / c, 1] and correct in [0, 1], each `(n,)` in float64.

    Exponentials are of the logits' own type (float32 at least): to what float32 logits leave
    unsaid of p, float64 would add nothing.

    Args:
        logits: `(n, c)` of classes.
        targets: `(n, c)` distributions, or class indices `(n,)`.
        temperature: what logits are divided by.

    Raises:
        SettingError: shapes differ, there is no row, a row's largest logit is not finite, or a
            target does not sum to 1.
    """
    targets = rows_of(targets, logits)
    check(logits, targets, "classes")
    dtype = torch.promote_types(logits.dtype, torch.float32)
    parts = torch.split(logits, max(1, CHUNK // logits.shape[1]))
    found = [_of_rows(f.to(dtype), temperature) for f in parts]
    total, predicted = (torch.cat(column) for column in zip(*found, strict=True))
    correct = targets.gather(1, predicted[:, None]).squeeze(1)
    return 1 / total.double(), correct.double()


def _of_rows(f: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Return sum_k exp(f_k - max f), and the prediction."""
    largest, predicted = f.max(1)
    centred = f - largest[:, None]
    if temperature != 1:  # another pass over all logits
        centred /= temperature
    return centred.exp_().sum(1), predicted
