"""How sure a prediction is, and whether it is right: what calibration and ranking are of.

The confidence is max_k p_k = 1 / sum_k exp(f_k - max f). Right is the target's weight at the
predicted class: 1 or 0 for a hard label, a share for a soft one. Independent labels have many
confidences a row, so this is of classes alone.
"""

from __future__ import annotations

import torch
from torch import Tensor

from mixup_multi.metrics.rows import check, wide_rows


def confidences(logits: Tensor, targets: Tensor, temperature: float = 1.0) -> tuple[Tensor, Tensor]:
    """Return confidence in [1 / c, 1] and correct in [0, 1], each `(n,)` in float64.

    Args:
        logits, targets: `(n, c)` of classes.
        temperature: what logits are divided by.

    Raises:
        SettingError: shapes differ, there is no row, a row's largest logit is not finite, or a
            target does not sum to 1.
    """
    check(logits, targets, "classes")
    predicted = logits.argmax(1)
    confidence = [1 / _exponentials(f, temperature).sum(1) for (f,) in wide_rows(logits)]
    correct = targets.gather(1, predicted[:, None]).squeeze(1)
    return torch.cat(confidence), correct.double()


def _exponentials(f: Tensor, temperature: float) -> Tensor:
    return (f - f.amax(1, keepdim=True)).div_(temperature).exp_()
