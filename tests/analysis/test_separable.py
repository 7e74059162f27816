"""Losses and gaps on separable points, and where gradient descent goes."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from mixup_multi.analysis.implicit_bias import ImplicitBias
from mixup_multi.analysis.law import drawn_law
from mixup_multi.analysis.separable import (
    angle_gap,
    fast_q,
    largest_margin,
    least,
    loss_of,
    margin_gap,
    mixed,
    unmixed,
)
from mixup_multi.analysis.toys import soudry
from mixup_multi.streams import stream

W = torch.tensor([0.7, -0.3], dtype=torch.float64)


def points(seed: int = 0) -> tuple[Tensor, Tensor]:
    places, label = soudry(stream(seed, "points"), n=10)
    return places, 2 * label - 1


@pytest.mark.parametrize("labels", ["soft", "signed"])
@pytest.mark.parametrize("partner", ["any", "same_class"])
def test_the_mixed_loss_is_the_mean_over_all_pairs(labels: str, partner: str) -> None:
    places, signs = points()
    own, weight = drawn_law(0.8, 9)
    losses = []
    for i in range(10):
        for j in range(10):
            if partner == "same_class" and signs[i] != signs[j]:
                continue
            x = own[:, None] * places[i] + (1 - own)[:, None] * places[j]
            s = own * signs[i] + (1 - own) * signs[j]
            f = x @ W
            value = (
                functional.softplus(f) - (1 + s) / 2 * f
                if labels == "soft"
                else functional.softplus(-s * f)
            )
            losses.append(weight @ value)
    data = mixed(places, signs, 0.8, partner, 9)
    assert float(data.weights.sum()) == pytest.approx(1)
    assert float(loss_of(data, W, labels)) == pytest.approx(float(torch.stack(losses).mean()))


def test_on_unmixed_points_the_two_losses_are_one() -> None:
    clean = unmixed(*points())
    assert float(loss_of(clean, W, "soft")) == pytest.approx(float(loss_of(clean, W, "signed")))


def test_fast_q_by_hand() -> None:
    one = unmixed(torch.ones(1, 1).double(), torch.ones(1).double())
    said = float(fast_q(one, torch.tensor([2.0]).double()))
    assert said == pytest.approx(0.23840584, abs=1e-8)


@pytest.mark.parametrize("seed", range(4))
def test_the_largest_margin_is_known(seed: int) -> None:
    places, signs = points(seed)
    best = largest_margin(places, signs)
    assert best.direction.tolist() == pytest.approx([0.5**0.5] * 2, abs=1e-6)
    assert best.margin == pytest.approx(2**0.5, abs=1e-6)
    assert angle_gap(3 * best.direction, best) == pytest.approx(0, abs=1e-12)
    assert angle_gap(torch.tensor([1.0, -1.0]).double(), best) == pytest.approx(1)
    assert margin_gap(5 * best.direction, places, signs, best) == pytest.approx(0, abs=1e-9)
    assert margin_gap(W, places, signs, best) > 0


@pytest.fixture(scope="module")
def found() -> dict[str, dict[int, tuple[float, float]]]:
    """Norm and angle gap by method and step."""
    analysis = ImplicitBias(steps=1500, records=3, nodes=6, seed=1)
    rows = analysis.compute(None, torch.device("cpu")).rows  # type: ignore[arg-type]
    gaps: dict[str, dict[int, tuple[float, float]]] = {}
    for method, step, norm, _, angle, _ in rows:
        gaps.setdefault(method, {})[step] = norm, angle
    return gaps


@pytest.mark.parametrize("method", ["ERM", "Mixup, signed", "MixupE, signed"])
def test_the_norm_grows_and_the_angle_gap_falls(
    method: str, found: dict[str, dict[int, tuple[float, float]]]
) -> None:
    middle, end = list(found[method].values())[1:]
    assert end[0] > middle[0] + 1
    assert end[1] < 0.4 * middle[1]


@pytest.mark.parametrize("method", ["Mixup, soft", "MixupE, soft"])
def test_soft_labels_have_a_finite_minimiser(
    method: str, found: dict[str, dict[int, tuple[float, float]]]
) -> None:
    middle, (norm, angle) = list(found[method].values())[1:]
    assert norm < middle[0] + 0.5
    assert norm < 1.5
    assert angle > 0.01
    assert angle > 3 * found["ERM"][1500][1]
    assert found["Mixup, soft, same class"][1500][0] > 1.8 * norm


@pytest.mark.parametrize(("labels", "low", "high"), [("soft", 1.0, 1.5), ("signed", 10, 30)])
def test_both_losses_have_a_finite_minimiser(labels: str, low: float, high: float) -> None:
    data = mixed(*points(1), 1.0, "any", 40)
    w = least(data, labels)  # type: ignore[arg-type]
    assert low < float(w.norm()) < high
    value = float(loss_of(data, w, labels))  # type: ignore[arg-type]
    for longer in (0.9, 1.1, 2.0, 10.0):
        assert float(loss_of(data, longer * w, labels)) > value  # type: ignore[arg-type]


def test_equal_margins_have_none_for_the_signed_loss() -> None:
    """The four support vectors alone: the loss falls for ever along their best direction."""
    places, label = soudry(stream(0, "points"), n=4)
    data = mixed(places, 2 * label - 1, 1.0, "any", 40)
    values = [float(loss_of(data, torch.full((2,), k).double(), "signed")) for k in (1.0, 10, 100)]
    assert values[0] > values[1] > values[2]
    soft = [float(loss_of(data, torch.full((2,), k).double(), "soft")) for k in (1.0, 10, 100)]
    assert soft[0] < soft[1] < soft[2]
