"""Losses l(f, y) = h(f) - <y, f> and qhat = <y - g(f), f>: golden values and identities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import special
from sklearn.metrics import r2_score
from torch.nn import functional

from mixup_multi.errors import SettingError
from mixup_multi.objectives import LOSSES
from mixup_multi.objectives.losses import Sigmoid, Softmax, SoftmaxBCE, Squared, loss_named

GOLDEN_LOGITS = torch.tensor([[2.0, 0.0, -1.0]], dtype=torch.float64)
MAXIMA = {2: 0.27846, 3: 0.46306, 10: 1.10100, 30: 1.78684, 100: 2.62865, 200: 3.14689}


def random(*shape: int, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(*shape, generator=generator, dtype=torch.float64)


def soft(n: int, classes: int, seed: int = 1) -> torch.Tensor:
    return random(n, classes, seed=seed).softmax(1)


def one_hot(label: int, classes: int) -> torch.Tensor:
    return functional.one_hot(torch.tensor([label]), classes).double()


@pytest.mark.parametrize(
    ("logits", "label", "q"),
    [
        ([2, 0, -1], 0, 0.35442060),
        ([2, 0, -1], 1, -1.64557940),
        ([2, 0, -1], 2, -2.64557940),
        ([1, -1], 0, 0.23840584),
        ([1, -1], 1, -1.76159416),
    ],
)
def test_golden_values(logits, label, q):
    f = torch.tensor([logits], dtype=torch.float64)
    assert Softmax().fast_q(f, one_hot(label, len(logits))).item() == pytest.approx(q, abs=1e-8)


@pytest.mark.parametrize(
    ("detach", "gradient"),
    [(False, [-0.142853, 0.073722, 0.069131]), (True, [0.156205, -0.114195, -0.042010])],
)
def test_golden_gradients(detach, gradient):
    f = GOLDEN_LOGITS.clone().requires_grad_()
    Softmax().fast_q(f, one_hot(0, 3), detach).sum().backward()
    assert f.grad[0].tolist() == pytest.approx(gradient, abs=1e-6)


def test_detached_gradient_is_that_of_the_cross_entropy_reversed():
    f, y = random(9, 5).requires_grad_(), soft(9, 5)
    (q,) = torch.autograd.grad(Softmax().fast_q(f, y, detach=True).sum(), f)
    (ce,) = torch.autograd.grad(functional.cross_entropy(f, y, reduction="sum"), f)
    torch.testing.assert_close(q, -ce, rtol=0, atol=1e-12)


@pytest.mark.parametrize("classes", [2, 3, 30])
def test_qhat_is_entropy_less_cross_entropy_is_the_inner_product(classes):
    f, y = random(40, classes), soft(40, classes)
    p = special.softmax(f.numpy(), axis=1)
    entropy_less_loss = special.entr(p).sum(1) + (y.numpy() * np.log(p)).sum(1)
    inner = ((y.numpy() - p) * f.numpy()).sum(1)
    for q in (Softmax().fast_q(f, y), Softmax().fast_q(f, y, detach=True)):
        np.testing.assert_allclose(q.numpy(), entropy_less_loss, atol=1e-12)
        np.testing.assert_allclose(q.numpy(), inner, atol=1e-12)


def test_qhat_does_not_see_a_shift_of_the_logits_and_is_zero_for_equal_ones():
    f, y = random(20, 6), soft(20, 6)
    shifted = Softmax().fast_q(f + 50 * random(20, 1), y)
    torch.testing.assert_close(shifted, Softmax().fast_q(f, y), rtol=0, atol=1e-10)
    assert Softmax().fast_q(torch.full((1, 4), 3.0), one_hot(2, 4)).item() == pytest.approx(0)


@pytest.mark.parametrize(("classes", "golden"), MAXIMA.items())
def test_qhat_is_at_most_lamberts_w_and_reaches_it(classes, golden):
    bound = special.lambertw((classes - 1) / np.e).real
    assert bound == pytest.approx(golden, abs=6e-6)
    best = torch.zeros(1, classes, dtype=torch.float64)
    best[0, 0] = 1 + bound
    assert Softmax().fast_q(best, one_hot(0, classes)).item() == pytest.approx(bound, abs=1e-10)
    y = functional.one_hot(torch.arange(500) % classes, classes).double()
    assert Softmax().fast_q(random(500, classes) + 3 * y, y).max() <= bound + 1e-12


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_logits_stay_finite(dtype):
    f = torch.tensor([[1e4, 0, 0], [1e4, 0, 0], [-1e4, 1e4, 0]], dtype=dtype, requires_grad=True)
    y = torch.eye(3, dtype=dtype)[[0, 1, 0]]
    assert Softmax().value(f, y).tolist() == [0, 1e4, 2e4]
    assert Softmax().fast_q(f, y).tolist() == [0, -1e4, -2e4]
    half = np.log(2)  # softplus(0)
    values = [2 * half, 1e4 + 2 * half, 2e4 + half]
    assert Sigmoid().value(f, y).tolist() == pytest.approx(values, rel=1e-6)
    assert Sigmoid().fast_q(f, y).tolist() == [0, -1e4, -2e4]
    assert SoftmaxBCE().value(f, y).isfinite().all()
    for loss in LOSSES.values():
        (loss.value(f, y) + loss.fast_q(f, y)).sum().backward()
        assert f.grad.isfinite().all()


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_logits_are_widened(name, dtype):
    loss, f = LOSSES[name], random(8, 4).to(dtype)
    y = soft(8, 4).float()
    for got, wide in (
        (loss.value(f, y), loss.value(f.float(), y)),
        (loss.fast_q(f, y), loss.fast_q(f.float(), y)),
        (loss.mean_response(f), loss.mean_response(f.float())),
    ):
        assert got.dtype == torch.float32
        assert torch.equal(got, wide)


@pytest.mark.parametrize("name", LOSSES)
def test_a_soft_label_costs_the_weighted_sum_of_the_hard_ones(name):
    """Of numbers it costs less, by the part of l that is not linear in y."""
    loss, f, weight = LOSSES[name], random(10, 4), 0.3
    first, second = (torch.eye(4, dtype=torch.float64)[i] for i in ([0, 1] * 5, [2, 1] * 5))
    mixed = loss.value(f, weight * first + (1 - weight) * second)
    by_hand = weight * loss.value(f, first) + (1 - weight) * loss.value(f, second)
    if loss.target_kind == "numbers":
        by_hand -= weight * (1 - weight) * (first - second).square().sum(1) / 2
    torch.testing.assert_close(mixed, by_hand, rtol=0, atol=1e-12)


def test_values_are_those_of_torch():
    f, y = random(12, 5), soft(12, 5)
    for name, expected in {
        "softmax": functional.cross_entropy(f, y, reduction="none"),
        "sigmoid": functional.binary_cross_entropy_with_logits(f, y, reduction="none").sum(1),
        "softmax_bce": functional.binary_cross_entropy(f.softmax(1), y, reduction="none").mean(1),
        "squared": functional.mse_loss(f, y, reduction="none").sum(1) / 2,
    }.items():
        torch.testing.assert_close(LOSSES[name].value(f, y), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("name", ["softmax", "sigmoid", "squared"])
def test_the_response_is_the_derivative_of_h(name):
    """l = h(f) - <y, f>, so its gradient is g(f) - y."""
    loss, f, y = LOSSES[name], random(6, 3).requires_grad_(), soft(6, 3)
    (gradient,) = torch.autograd.grad(loss.value(f, y).sum(), f)
    torch.testing.assert_close(gradient, loss.mean_response(f) - y, rtol=0, atol=1e-8)


def test_squared_by_hand():
    f, y = torch.tensor([[2.0, -1.0]]), torch.tensor([[0.5, 1.0]])
    assert Squared().value(f, y).tolist() == [(1.5**2 + 2**2) / 2]
    assert Squared().error(f, y).tolist() == [(1.5**2 + 2**2) / 2]
    assert Squared().error(f[:, :1], y[:, :1]).tolist() == [1.5**2]
    assert Squared().fast_q(f, y).tolist() == [-1.5 * 2 + 2 * -1]
    assert Squared().predicted(f) is f


def test_the_squared_error_of_standardised_targets_is_one_less_r2():
    y, f = random(50, 1), random(50, 1, seed=2)
    y = (y - y.mean()) / y.std(correction=0)
    r2 = r2_score(y.numpy(), f.numpy())
    assert Squared().error(f, y).mean().item() == pytest.approx(1 - r2, abs=1e-12)
    assert Squared().error(torch.zeros_like(y), y).mean().item() == pytest.approx(1)


@pytest.mark.parametrize("detach", [False, True])
def test_squared_qhat_and_its_gradients(detach):
    f, y = random(9, 3).requires_grad_(), random(9, 3, seed=2)
    q = Squared().fast_q(f, y, detach)
    torch.testing.assert_close(q, ((y - f) * f).sum(1), rtol=0, atol=1e-12)
    (gradient,) = torch.autograd.grad(q.sum(), f)
    torch.testing.assert_close(gradient, y - f if detach else y - 2 * f, rtol=0, atol=1e-12)


@pytest.mark.parametrize("labels", [1, 4])
def test_sigmoid_qhat_is_a_sum_over_labels(labels):
    f = random(9, labels)
    y = (random(9, labels, seed=2) > 0).double()
    p = special.expit(f.numpy())
    by_hand = ((y.numpy() - p) * f.numpy()).sum(1)
    np.testing.assert_allclose(Sigmoid().fast_q(f, y).numpy(), by_hand, atol=1e-12)
    entropy = (special.entr(p) + special.entr(1 - p)).sum(1)
    np.testing.assert_allclose(by_hand, entropy - Sigmoid().value(f, y).numpy(), atol=1e-8)


@pytest.mark.parametrize("detach", [False, True])
def test_one_sigmoid_column_is_two_softmax_columns(detach):
    f = random(11, 1).requires_grad_()
    y = soft(11, 2)[:, :1]
    two, rows = torch.cat([f, torch.zeros_like(f)], 1), torch.cat([y, 1 - y], 1)
    for one, other in (
        (Sigmoid().value(f, y), Softmax().value(two, rows)),
        (Sigmoid().fast_q(f, y, detach), Softmax().fast_q(two, rows, detach)),
    ):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-8)
        gradients = [torch.autograd.grad(q.sum(), f, retain_graph=True)[0] for q in (one, other)]
        torch.testing.assert_close(*gradients, rtol=0, atol=1e-8)


def test_errors_of_hard_and_soft_targets():
    f = torch.tensor([[1.0, 3.0, 2.0], [1.0, 0.0, 0.0]])
    assert Softmax().error(f, torch.eye(3)[[1, 2]]).tolist() == [0, 1]
    assert Softmax().error(f, torch.tensor([[0, 0.75, 0.25]] * 2)).tolist() == [0.25, 1]
    binary = torch.tensor([[2.0], [-2.0], [2.0]])
    assert Sigmoid().error(binary, torch.tensor([[1.0], [1.0], [0.25]])).tolist() == [0, 1, 0.75]
    two = Sigmoid().error(torch.tensor([[2.0, -2.0]]), torch.tensor([[1.0, 1.0]]))
    assert two.tolist() == [0.5]


def test_losses_by_name():
    assert loss_named(None) is LOSSES["softmax"]
    assert {type(loss_named(name)) for name in LOSSES} == {*(Softmax, Sigmoid, SoftmaxBCE, Squared)}
    with pytest.raises(SettingError, match="loss is 'mse': expected one of softmax, sigmoid"):
        loss_named("mse")
