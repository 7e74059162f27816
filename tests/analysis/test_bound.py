"""The mixup loss bounds the adversarial loss, both to second order."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from mixup_multi.analysis.bound import (
    bound_of,
    linear_adversarial_loss,
    per_row_gradients,
)
from mixup_multi.analysis.expansion import linear_expansion
from mixup_multi.analysis.nets import network

PROBLEMS, N, D = 2000, 12, 4


def separable(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return centred inputs `(p, n, d)`, models `(p, d)`, and labels they get right."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(PROBLEMS, N, D, generator=generator, dtype=torch.float64)
    inputs = inputs - inputs.mean(1, keepdim=True)
    size = (4 * torch.rand(PROBLEMS, 1, generator=generator, dtype=torch.float64) - 2).exp()
    models = size * torch.randn(PROBLEMS, D, generator=generator, dtype=torch.float64)
    labels = (torch.einsum("pnd,pd->pn", inputs, models) > 0).double()
    return inputs, models, labels


@pytest.mark.parametrize("alpha", [0.2, 1.0, 5.0])
def test_it_holds_on_random_separable_problems(alpha: float) -> None:
    inputs, models, labels = separable(0)
    logits = torch.einsum("pnd,pd->pn", inputs, models)
    gradients = models[:, None].expand_as(inputs)
    bound = bound_of(logits, gradients, inputs, labels, alpha)
    assert bool((bound.right == 1).all())
    assert bound.slack.shape == (PROBLEMS,)
    assert float(bound.slack.min()) > 0
    assert bool((bound.adversarial >= bound.adversarial_least - 1e-15).all())
    wrong = bound_of(logits, gradients, inputs, 1 - labels, alpha)  # the condition is needed
    assert bool((wrong.slack < 0).any())


@pytest.mark.parametrize("seed", range(20))
def test_it_holds_for_relu_networks_that_are_right(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(30, 5, generator=generator, dtype=torch.float64)
    inputs = inputs - inputs.mean(0)
    model = network(5, 1, [16], "relu", seed=seed, bias=False).double()
    logits, gradients = per_row_gradients(model, 3 * inputs)
    assert torch.allclose(logits, (gradients * 3 * inputs).sum(1))  # f = <grad f, x>
    labels = (logits > 0).double()
    assert float(bound_of(logits, gradients, 3 * inputs, labels, 1.0).slack) > 0


def test_its_left_side_is_the_expansion() -> None:
    inputs, models, labels = (one[0] for one in separable(1))
    logits = inputs @ models
    both = torch.stack([torch.zeros_like(logits), logits], 1)
    targets = torch.stack([1 - labels, labels], 1)
    bound = bound_of(logits, models.expand_as(inputs), inputs, labels, 0.6)
    assert float(bound.mixup) == pytest.approx(linear_expansion(both, targets, 0.6).total)


def test_radii_by_hand() -> None:
    """Points (3, 0), (0, 1) and mirrored, gradient (1, 1): cos 1/sqrt 2, least length 1."""
    inputs = torch.tensor([[3.0, 0], [0, 1], [-3, 0], [0, -1]], dtype=torch.float64)
    gradients = torch.ones(4, 2, dtype=torch.float64)
    logits = inputs.sum(1)
    bound = bound_of(logits, gradients, inputs, (logits > 0).double(), 1.0)
    assert float(bound.radius) == pytest.approx(1 / (3 * 2**0.5))
    assert float(bound.right) == 1


def test_the_true_adversarial_loss_of_a_linear_model_is_the_worst_in_the_ball() -> None:
    inputs, models, labels = (one[0] for one in separable(2))
    radius = torch.tensor(0.3, dtype=torch.float64)
    said = linear_adversarial_loss(inputs @ models, models.norm(), labels, radius)
    toward = -(2 * labels - 1)[:, None] * models / models.norm()
    moved = (inputs + radius * toward) @ models
    loss = torch.nn.functional.binary_cross_entropy_with_logits(moved, labels)
    assert float(said) == pytest.approx(float(loss))
