"""The laws of shares, against their known moments."""

from __future__ import annotations

import pytest
import torch

from mixup_multi.analysis.law import beta_law, drawn_law, modified_law, rest_moments
from mixup_multi.errors import SettingError

MEANS = {0.1: 0.083333, 0.2: 0.142857, 0.5: 0.25, 1: 0.333333, 2: 0.4, 4: 0.444444, 10: 0.476190}


@pytest.mark.parametrize(("alpha", "mean"), MEANS.items())
def test_moments_of_the_rest(alpha: float, mean: float) -> None:
    own, weight = modified_law(alpha, 8)
    rest = 1 - own
    assert float(weight.sum()) == pytest.approx(1, abs=1e-14)
    moments = [float((weight * rest**k).sum()) for k in (1, 2, 3)]
    assert moments[:2] == pytest.approx(rest_moments(alpha), abs=1e-13)
    assert moments[0] == pytest.approx(mean, abs=5e-7)
    third = alpha * (alpha + 2) / (2 * (2 * alpha + 1) * (2 * alpha + 3))
    assert moments[2] == pytest.approx(third, abs=1e-13)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 3.0])
def test_the_modified_law_weighs_the_drawn_one_by_the_share(alpha: float) -> None:
    """E_D~ g(l) = E_Beta [l g(l) + (1 - l) g(1 - l)]."""

    def g(share: torch.Tensor) -> torch.Tensor:
        return (3 * share).exp()

    own, weight = drawn_law(alpha, 24)
    changed = (weight * (own * g(own) + (1 - own) * g(1 - own))).sum()
    own, weight = modified_law(alpha, 24)
    assert float((weight * g(own)).sum()) == pytest.approx(float(changed), rel=1e-12)


@pytest.mark.parametrize("alpha", [0.0, -1.0, float("inf"), float("nan")])
def test_no_law(alpha: float) -> None:
    with pytest.raises(SettingError, match="expected positive numbers"):
        beta_law(alpha, 1.0, 4)
