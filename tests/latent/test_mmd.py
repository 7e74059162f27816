"""The maximum mean discrepancy against a double sum, a closed form, and itself."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from mixup_multi.errors import SettingError
from mixup_multi.latent.mmd import Kernel, mmd, mmd_to_normal

KERNELS = [Kernel("rbf", 0.7), Kernel("rbf_dim"), Kernel("imq", 1.3)]
every_kernel = pytest.mark.parametrize("kernel", KERNELS, ids=lambda kernel: kernel.name)


def sample(rows: int, seed: int = 0, dimensions: int = 3) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(rows, dimensions, generator=generator, dtype=torch.float64)


def by_hand(kernel: Kernel, x: list[float], y: list[float]) -> float:
    squared = sum((a - b) ** 2 for a, b in zip(x, y, strict=True))
    if kernel.name == "rbf":
        return math.exp(-squared / (2 * kernel.sigma**2))
    if kernel.name == "rbf_dim":
        return math.exp(-(squared / len(x)) / len(x))
    scale = 2 * len(x) * kernel.sigma**2
    return scale / (scale + squared)


@every_kernel
def test_it_is_the_double_sum_over_all_pairs(kernel):
    x, y = sample(5), 0.5 + sample(7, 1)

    def mean(first: Tensor, second: Tensor) -> float:
        pairs = [by_hand(kernel, a, b) for a in first.tolist() for b in second.tolist()]
        return sum(pairs) / len(pairs)

    expected = mean(x, x) + mean(y, y) - 2 * mean(x, y)
    assert mmd(x, y, kernel).item() == pytest.approx(expected, abs=1e-14)


@every_kernel
def test_equal_samples_are_zero_apart_and_others_never_less(kernel):
    x = sample(6)
    assert mmd(x, x, kernel).item() == 0
    assert mmd(x, x[torch.tensor([3, 1, 0, 5, 4, 2])], kernel).item() == pytest.approx(0, abs=1e-15)
    for seed in range(20):
        assert mmd(sample(4, seed), sample(3, seed + 100), kernel).item() >= 0


@pytest.mark.parametrize("shift", [0.0, 0.5, 2.0])
def test_two_shifted_normal_laws_are_as_far_apart_as_the_closed_form_says(shift):
    """2 (s^2 / (s^2 + 2))^(d/2) (1 - exp(-|mu|^2 / (2 (s^2 + 2)))), and the V-statistic's bias."""
    rows, dimensions, sigma = 2000, 3, 1.5
    half = rows // 2  # every point comes with its mirror image, so that the means are exact
    x, y = (torch.cat([s, -s]) for s in (sample(half), sample(half, 1)))
    x[:, 0] += shift
    wide = sigma**2 + 2
    power = (sigma**2 / wide) ** (dimensions / 2)
    expected = 2 * power * (1 - math.exp(-(shift**2) / (2 * wide)))
    bias = 2 * (1 - power) / rows  # a point is always as far as 0 from itself
    assert mmd(x, y, Kernel("rbf", sigma)).item() == pytest.approx(expected + bias, abs=2e-3)


@every_kernel
def test_its_gradient_is_finite_where_rows_are_equal_and_brings_samples_together(kernel):
    x = torch.ones(4, 3, dtype=torch.float64, requires_grad=True)
    y = sample(5)
    (gradient,) = torch.autograd.grad(mmd(x, y, kernel), x)
    assert gradient.isfinite().all()
    assert mmd(x - 0.1 * gradient, y, kernel) < mmd(x, y, kernel)
    assert torch.autograd.gradcheck(
        lambda rows: mmd(rows, y, kernel), sample(4, 2).requires_grad_()
    )


@every_kernel
def test_half_precision_is_widened_first(kernel):
    x, y = sample(6).bfloat16(), sample(7, 1).bfloat16()
    expected = mmd(x.float(), y.float(), kernel)
    assert torch.equal(mmd(x, y, kernel), expected)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(mmd(x.float(), y.float(), kernel), expected)


def test_the_normal_sample_is_the_generators_alone():
    torch.manual_seed(0)
    state = torch.get_rng_state()
    first, second = (
        mmd_to_normal(sample(4), Kernel(), torch.Generator().manual_seed(3)) for _ in range(2)
    )
    assert torch.equal(first, second)
    normal = torch.randn(4, 3, generator=torch.Generator().manual_seed(3)).double()
    assert torch.equal(first, mmd(sample(4), normal, Kernel()))
    assert torch.equal(torch.get_rng_state(), state)


def test_settings_out_of_range_are_refused():
    with pytest.raises(SettingError, match="kernel is 'rfb': expected one of rbf, rbf_dim, imq"):
        Kernel("rfb")
    for sigma in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="sigma is .*expected a number > 0"):
            Kernel("rbf", sigma)
