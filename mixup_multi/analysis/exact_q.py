"""q and qhat of each example, and how well the one stands for the other.

    q_i    = <g(f(x_i)) - y_i, J_f(x_i) (E[x'] - x_i)>    exact
    qhat_i = <y_i - g(f(x_i)), f(x_i)>                     fast: E[x'] = 0, J_f x = f

Both of Zou et al. (2023); the regulariser takes their absolute values, so both these and the signs
are compared.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.objectives.losses import Loss
from mixup_multi.objectives.mixupe import Probe
from mixup_multi.points import run_edited
from mixup_multi.tree import Tree


def both_q(
    model: nn.Module, batch: Batch, point: str, mean: Tree | None, loss: Loss
) -> tuple[Tensor, Tensor]:
    """Return q and qhat `(n,)` of a batch, in float64, at a point of the model as it is.

    Args:
        model: in evaluation mode, so that examples do not depend on each other.
        batch: examples.
        point: where q is differentiated.
        mean: E[x'] there; None for the mean of what flows there for this batch.
        loss: h and g.
    """
    probe = Probe(mean, len(batch))
    logits = run_edited(model, batch.inputs, {point: probe})
    response = loss.mean_response(logits).detach() - batch.targets
    exact = probe.derivative(logits, response).detach()
    fast = loss.fast_q(logits, batch.targets).detach()
    return exact.double().cpu(), fast.double().cpu()


@dataclass(frozen=True)
class Agreement:
    """How well qhat stands for q.

    Attributes:
        correlation: Pearson's, of the values with their signs; NaN where one is constant.
        correlation_abs: of the absolute values.
        ratio: mean |qhat| / mean |q|: by how much the fast regulariser is larger.
        same_sign: the share of examples in percent whose signs agree.
        exact_abs, fast_abs: mean |q| and mean |qhat|.
    """

    correlation: float
    correlation_abs: float
    ratio: float
    same_sign: float
    exact_abs: float
    fast_abs: float


def agreement(exact: Tensor, fast: Tensor) -> Agreement:
    """Return how well `fast` stands for `exact`, both `(n,)`."""
    exact_abs, fast_abs = exact.abs(), fast.abs()
    return Agreement(
        _correlation(exact, fast),
        _correlation(exact_abs, fast_abs),
        float(fast_abs.mean() / exact_abs.mean()),
        100 * float((exact.sign() == fast.sign()).double().mean()),
        float(exact_abs.mean()),
        float(fast_abs.mean()),
    )


def _correlation(first: Tensor, second: Tensor) -> float:
    return float(torch.corrcoef(torch.stack([first, second]))[0, 1])
