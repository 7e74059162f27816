"""Gamma against surfaces whose bend is known, and against random search."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Generator, Tensor
from torch.testing import assert_close
from trained import labels, net, rows, toy

from mixup_multi.attacks import Ball
from mixup_multi.attacks.search import Norm
from mixup_multi.batch import as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import LocalLinearity
from mixup_multi.evaluations.local_linearity import Bend, bend
from mixup_multi.objectives.losses import Softmax
from mixup_multi.streams import seed_of

X, Y = rows(20, 4), as_targets(labels(20, 3), 3, torch.float64)
CURVES = torch.tensor([3.0, 0.5, 0.0, 1.0], dtype=torch.float64)
WEIGHT = torch.tensor([1.0, -2.0, 0.5, 3.0], dtype=torch.float64)
FREE = Bounds(torch.ones((), dtype=torch.float64))

NET = net(4, 3)

Score = Callable[[Tensor], Tensor]


def searched(
    score: Score,
    eps: float,
    norm: Norm = "linf",
    bounds: Bounds = FREE,
    steps: int = 10,
    restarts: int = 1,
) -> Bend:
    ball = Ball(X, bounds, eps, norm)
    return bend(score, ball, eps / 4, steps, restarts, Generator().manual_seed(0))


def gamma(score: Score, eps: float, norm: Norm = "linf", **more: int) -> Tensor:
    return searched(score, eps, norm, **more).path.amax(0)


def quadratic(x: Tensor) -> Tensor:
    return 0.5 * (x**2) @ CURVES + x @ WEIGHT


def curved(x: Tensor) -> Tensor:
    return Softmax().value(NET(x), Y)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_a_plane_does_not_bend(norm: Norm) -> None:
    assert gamma(lambda x: x @ WEIGHT + 2, 0.7, norm, restarts=3).max() < 1e-14


@pytest.mark.parametrize("sign", [1, -1])
def test_a_quadratics_bend_has_a_closed_form(sign: int) -> None:
    """Half eps squared times the sum of the curvatures in L-inf, their largest in L2."""
    found = searched(lambda x: sign * quadratic(x), 0.3)
    assert_close(found.path.amax(0), torch.full((20,), 0.5 * 0.09 * 4.5, dtype=torch.float64))
    assert_close(found.value, sign * quadratic(X))
    assert_close(found.slope, (X * CURVES + WEIGHT).norm(dim=1))
    round_ball = gamma(lambda x: sign * quadratic(x), 0.3, "l2", steps=60, restarts=3)
    assert_close(
        round_ball, torch.full((20,), 0.5 * 0.09 * 3, dtype=torch.float64), rtol=1e-3, atol=0
    )


def test_it_is_measured_in_the_units_of_the_bounds_and_inside_them() -> None:
    unit = torch.tensor([2.0, 1.0, 1.0, 0.0], dtype=torch.float64)
    found = searched(quadratic, 0.3, bounds=Bounds(unit)).path.amax(0)
    assert_close(found, torch.full((20,), 0.5 * 0.09 * (3 * 4 + 0.5), dtype=torch.float64))
    narrow = Bounds(FREE.unit, low=X.amin() - 0.1, high=X.amax() + 0.1)
    inside = Ball(torch.full_like(X, float(X.amax())), narrow, 0.3, "linf")
    found = bend(quadratic, inside, 0.1, 10, 1, Generator().manual_seed(0)).path.amax(0)
    # Each entry may fall by 0.3 but rise by 0.1 only; falling bends the quadratic as much.
    assert found.max() <= 0.5 * 0.09 * 4.5 + 1e-12
    assert found.min() >= 0.5 * 0.01 * 4.5


def test_it_grows_with_the_ball_and_with_its_square_where_that_is_small() -> None:
    sizes = [0.01, 0.02, 0.1, 0.3, 1.0]
    found = [gamma(curved, size, steps=20, restarts=4) for size in sizes]
    assert all((larger >= smaller).all() for smaller, larger in pairwise(found))
    ratio = found[1].mean() / found[0].mean()
    assert float(ratio) == pytest.approx(4, rel=0.02)


def test_it_is_no_less_than_what_random_search_finds() -> None:
    eps, x = 0.5, X.clone().requires_grad_()
    value = curved(x)
    (tangent,) = torch.autograd.grad(value.sum(), x)
    generator, most = Generator().manual_seed(1), torch.zeros(20, dtype=torch.float64)
    with torch.no_grad():
        for _ in range(2000):
            moved = eps * (2 * torch.rand(X.shape, generator=generator, dtype=torch.float64) - 1)
            most = torch.maximum(most, (curved(X + moved) - value - (moved * tangent).sum(1)).abs())
    assert (gamma(curved, eps, restarts=20) >= most).all()
    assert gamma(curved, eps, restarts=4).mean() > 1.1 * most.mean()


def test_the_best_of_the_way_and_of_all_starts_counts() -> None:
    def waves(x: Tensor) -> Tensor:
        return torch.sin(40 * x).sum(1)

    once, more = searched(waves, 1.0), searched(waves, 1.0, restarts=3)
    assert (once.path.amax(0) > once.path[-1] + 0.1).any()
    assert (more.path >= once.path).all()
    assert (more.path.amax(0) > once.path.amax(0)).any()


def test_the_mean_over_all_batches_is_what_is_reported() -> None:
    subject = toy(NET, X, labels(20, 3), 3)
    measured = LocalLinearity(eps="1/2", step="1/8", batch_size=8).measure(subject)
    path = []
    for number, some in enumerate(torch.split(torch.arange(20), 8)):
        ball = Ball(X[some], FREE, 0.5, "linf")
        generator = Generator().manual_seed(seed_of(0, f"batch {number}"))
        score = lambda x, y=Y[some]: Softmax().value(NET(x), y)  # noqa: E731
        path.append(bend(score, ball, 0.125, 10, 3, generator).path)
    found = torch.cat(path, 1)
    assert next(iter(measured.values)) == "gamma"
    assert measured.values["gamma"] == pytest.approx(float(found.amax(0).mean()), rel=1e-6)
    assert measured.values["largest"] == pytest.approx(float(found.max()), rel=1e-6)
    curve = measured.curves["search"]
    assert curve.x == tuple(range(11))
    assert list(curve.y) == sorted(curve.y)
    assert curve.y[-1] == pytest.approx(measured.values["gamma"])


def test_what_cannot_be_asked_is_refused() -> None:
    subject = toy(NET, X, labels(20, 3), 3, bounds=Bounds(torch.ones(()), largest=1.0))
    LocalLinearity(eps=1).check(subject)
    with pytest.raises(SettingError, match="eps is 8: expected at most 1"):
        LocalLinearity(eps=8, step=0.1).check(subject)
    with pytest.raises(PointError, match="'hidden'"):
        LocalLinearity(point="hidden").check(subject)
    with pytest.raises(SettingError, match="eps is 0: expected a number above 0"):
        LocalLinearity(eps=0)
    with pytest.raises(SettingError, match="norm is 'l3'"):
        LocalLinearity(norm="l3")  # type: ignore[arg-type]
    with pytest.raises(SettingError, match="restarts is 0"):
        LocalLinearity(restarts=0)
