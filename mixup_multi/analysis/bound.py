"""The mixup loss bounds an adversarial loss, both to second order (Zhang, L. et al. 2021).

Binary, l = softplus(f) - y f, centred inputs, f = <grad f, x> and no Hessian (linear models and
ReLU networks without biases), every training point classified right. With a = 1 - lambda of D~,
p = sigmoid(f), g = grad f, S = mean x x^T:

    L~_mix = mean_i l_i - E[a] (p_i - y_i) f_i + E[a^2]/2 p_i (1 - p_i) (g_i^T S g_i + f_i^2)
    l~_adv(e) = l + e |p - y| ||g|| + e^2/2 p (1 - p) ||g||^2
    L~_mix >= mean_i l~_adv(eps_i sqrt d) >= mean_i l~_adv(eps_mix sqrt d)
    eps_i = R_i c_x E[a],  R_i = |cos(g_i, x_i)|,  c_x = min_i ||x_i|| / sqrt d,  R = min_i R_i

The first sum is L_std + R1 + R2 of the expansion, in which the mean of x vanishes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mixup_multi.analysis.law import rest_moments


@dataclass(frozen=True)
class Bound:
    """Both sides, over any leading dimensions `(...)`.

    Attributes:
        mixup: L~_mix.
        adversarial: mean l~_adv with a radius for each point.
        adversarial_least: mean l~_adv with the least of these radii.
        radius: eps_mix sqrt d, that least one, in units of the inputs.
        right: the share of points that are classified right.
    """

    mixup: Tensor
    adversarial: Tensor
    adversarial_least: Tensor
    radius: Tensor
    right: Tensor

    @property
    def slack(self) -> Tensor:
        """L~_mix less the adversarial loss; >= 0 where all points are classified right."""
        return self.mixup - self.adversarial


def bound_of(
    logits: Tensor, gradients: Tensor, inputs: Tensor, labels: Tensor, alpha: float
) -> Bound:
    """Return both sides.

    Args:
        logits: `(..., n)`.
        gradients: of the logits in the inputs, `(..., n, d)`.
        inputs: `(..., n, d)`, of mean 0.
        labels: `(..., n)`, 0 or 1.
        alpha: of mixing.
    """
    mean, square = rest_moments(alpha)
    p = logits.sigmoid()
    loss, slope = functional.softplus(logits) - labels * logits, p - labels
    curvature, norms = p * (1 - p), gradients.norm(dim=-1)
    along = (gradients @ inputs.mT).square().mean(-1) + logits**2
    mixup = loss - mean * slope * logits + square / 2 * curvature * along
    lengths = inputs.norm(dim=-1)
    cosine = (gradients * inputs).sum(-1).abs() / (norms * lengths).clamp_min(1e-300)
    radius = mean * cosine * lengths.amin(-1, keepdim=True)
    least = radius.amin(-1, keepdim=True)

    def adversarial(size: Tensor) -> Tensor:
        second = size**2 / 2 * curvature * norms**2
        mean_over_points: Tensor = (loss + size * slope.abs() * norms + second).mean(-1)
        return mean_over_points

    right = ((logits > 0) == (labels > 0.5)).to(logits).mean(-1)
    return Bound(mixup.mean(-1), adversarial(radius), adversarial(least), least[..., 0], right)


def linear_adversarial_loss(logits: Tensor, norm: Tensor, labels: Tensor, radius: Tensor) -> Tensor:
    """Return the true worst loss of a linear model within an l2 ball: every margin less r ||g||."""
    margin = (2 * labels - 1) * logits - (radius * norm)[..., None]
    return functional.softplus(-margin).mean(-1)


def per_row_gradients(model: torch.nn.Module, inputs: Tensor) -> tuple[Tensor, Tensor]:
    """Return logits `(n,)` and their gradients `(n, d)` of a model with one output."""
    at = inputs.clone().requires_grad_()
    logits = model(at)[:, 0]
    (gradients,) = torch.autograd.grad(logits.sum(), at)  # rows do not depend on each other
    return logits.detach(), gradients
