"""The expansion of the mixup loss, by its identities and against plain loops and dense Hessians."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from mixup_multi.analysis.exact_q import both_q
from mixup_multi.analysis.expansion import (
    directional,
    expansion,
    linear_expansion,
    linear_mixup_loss,
    mixup_loss,
)
from mixup_multi.analysis.law import drawn_law, rest_moments
from mixup_multi.analysis.nets import network
from mixup_multi.analysis.toys import two_moons
from mixup_multi.batch import Batch
from mixup_multi.objectives.losses import Softmax
from mixup_multi.points import Staged
from mixup_multi.streams import stream

# For theta = s (1.2, -2) by (alpha, s), as found independently on other moons of 60 points.
ERRORS = {
    (1.0, 1.0): -2.6e-2,
    (1.0, 0.5): -3.0e-3,
    (1.0, 0.25): -2.2e-4,
    (0.2, 1.0): -1.2e-2,
    (0.2, 0.5): -1.3e-3,
    (0.2, 0.25): -9.8e-5,
}


@pytest.fixture(scope="module")
def moons() -> tuple[Tensor, Tensor]:
    points, label = two_moons(stream(0, "moons"), n=60)
    return points - points.mean(0), torch.stack([1 - label, label], 1)


def logistic(points: Tensor, theta: list[float]) -> Tensor:
    logit = points @ torch.tensor(theta, dtype=torch.float64)
    return torch.stack([torch.zeros_like(logit), logit], 1)


def error(moons: tuple[Tensor, Tensor], alpha: float, scale: float) -> float:
    logits = logistic(moons[0], [1.2 * scale, -2 * scale])
    return linear_expansion(logits, moons[1], alpha).total - linear_mixup_loss(
        logits, moons[1], alpha
    )


@pytest.mark.parametrize(("place", "expected"), ERRORS.items())
def test_errors_of_logistic_regression(
    moons: tuple[Tensor, Tensor], place: tuple[float, float], expected: float
) -> None:
    assert error(moons, *place) == pytest.approx(expected, rel=0.25)  # other points


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_what_is_left_is_of_third_order(moons: tuple[Tensor, Tensor], alpha: float) -> None:
    errors = [abs(error(moons, alpha, scale)) for scale in (1.0, 0.5, 0.25, 0.125)]
    assert min(a / b for a, b in itertools.pairwise(errors)) >= 7


def test_the_mixup_loss_is_that_of_mixed_pairs_with_soft_labels() -> None:
    """Hard labels with shares of D~, against the definition: pairs and labels mixed by Beta."""
    model = network(2, 3, [5], "tanh", seed=1, bias=True).double()
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(4, 2, generator=generator, dtype=torch.float64)
    targets = torch.eye(3, dtype=torch.float64)[[0, 1, 2, 1]]
    own, weight = drawn_law(0.7, 30)
    total = 0.0
    for i in range(4):
        for j in range(4):
            for share, w in zip(own, weight, strict=True):
                logits = model((share * inputs[i] + (1 - share) * inputs[j])[None])
                label = (share * targets[i] + (1 - share) * targets[j])[None]
                total += float(w * Softmax().value(logits, label)[0].detach())
    assert mixup_loss(model, inputs, targets, 0.7, 30) == pytest.approx(total / 16, rel=1e-10)


@pytest.mark.parametrize("activation", ["softplus", "tanh", "relu"])
def test_directional_derivatives_are_those_of_dense_jacobians(activation: str) -> None:
    model = network(3, 2, [6], activation, seed=0, bias=True).double()
    generator = torch.Generator().manual_seed(0)
    at, along = torch.randn(2, 4, 3, generator=generator, dtype=torch.float64)
    logits, first, second = directional(model, at, along)
    assert torch.allclose(logits, model(at))
    for i in range(4):

        def one(x: Tensor) -> Tensor:
            return model(x[None])[0]

        dense = torch.func.hessian(one)(at[i])
        assert torch.allclose(second[i], torch.einsum("kde,d,e->k", dense, along[i], along[i]))
        assert torch.allclose(first[i], torch.func.jacrev(one)(at[i]) @ along[i])


@pytest.mark.parametrize("activation", ["softplus", "tanh"])
def test_the_remainder_of_a_smooth_network_is_of_third_order(
    moons: tuple[Tensor, Tensor], activation: str
) -> None:
    """Points that lie half as far from each other leave an eighth."""
    model = network(2, 2, [8], activation, seed=3, bias=True).double()

    def left(scale: float) -> float:
        inputs = scale * moons[0]
        exact = mixup_loss(model, inputs, moons[1], 1.0)
        return abs(expansion(model, inputs, moons[1], 1.0).total - exact)

    assert left(0.2) / left(0.1) == pytest.approx(8, rel=0.25)


def test_a_linear_model_has_the_closed_form_and_no_r3(moons: tuple[Tensor, Tensor]) -> None:
    model = network(2, 2, [], "relu", seed=0, bias=True).double()
    general = expansion(model, *moons, 0.4)
    closed = linear_expansion(model(moons[0]).detach(), moons[1], 0.4)
    for name in ("std", "r1", "r2", "r3"):
        assert getattr(general, name) == pytest.approx(getattr(closed, name), abs=1e-14)
    assert general.r3 == 0
    relu = network(2, 2, [8], "relu", seed=0, bias=True).double()
    assert expansion(relu, *moons, 0.4).r3 == 0
    assert expansion(network(2, 2, [8], "tanh", seed=0, bias=True).double(), *moons, 0.4).r3 != 0


def test_closed_forms_by_hand() -> None:
    """Two points at f = -1 and 1, both right; alpha 1: E[a] = 1/3, E[a^2] = 1/6."""
    points = torch.tensor([[-1.0], [1.0]], dtype=torch.float64)
    logits, targets = logistic(points, [1.0]), torch.eye(2, dtype=torch.float64)
    p = 1 / (1 + torch.tensor(1.0).double().exp())  # of the wrong class
    found = linear_expansion(logits, targets, 1.0)
    assert found.std == pytest.approx(float(-torch.log(1 - p)), rel=1e-12)
    assert found.r1 == pytest.approx(float(p / 3), rel=1e-12)  # slope p, mean step 1 towards 0
    assert found.r2 == pytest.approx(float(p * (1 - p) / 6), rel=1e-12)  # mean square 2


def minimised(model: Staged, inputs: Tensor, targets: Tensor) -> None:
    """Minimise the plain loss in the weights of the last layer, of which it is convex."""
    *_, last = model.stages.values()
    optimizer = torch.optim.LBFGS(
        last.parameters(), max_iter=500, tolerance_grad=1e-13, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = Softmax().value(model(inputs), targets).mean()
        loss.backward()
        return loss

    optimizer.step(closure)


@pytest.mark.parametrize("widths", [[], [6]])
def test_r1_vanishes_where_erm_is_minimal_for_centred_data_without_biases(
    moons: tuple[Tensor, Tensor], widths: list[int]
) -> None:
    """There R1 = -E[a] <W, dL_std/dW> for the last layer W of a homogeneous model."""
    model = network(2, 2, widths, "relu", seed=2, bias=False).double()
    noisy = moons[1].clone()
    noisy[:16] = noisy[:16].flip(1)  # not to be separated, so that there is a minimum
    before = expansion(model, moons[0], noisy, 1.0)
    minimised(model, moons[0], noisy)
    after = expansion(model, moons[0], noisy, 1.0)
    assert abs(before.r1) > 1e-4
    assert abs(after.r1) < 1e-6
    assert after.r2 > 1e-4


def test_r1_is_the_mean_of_mixupes_exact_q(moons: tuple[Tensor, Tensor]) -> None:
    model = network(2, 2, [8], "softplus", seed=0, bias=True).double()
    exact, _ = both_q(model, Batch(*moons), "input", moons[0].mean(0), Softmax())
    found = expansion(model, *moons, 0.5).r1
    assert found == pytest.approx(rest_moments(0.5)[0] * float(exact.mean()), rel=1e-10)
