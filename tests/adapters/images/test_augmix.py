"""AugMix: its mixtures, its divergence, and the loss they make."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from mixup_multi.batch import Batch, as_targets
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives import ERM, LOSSES
from mixup_multi.streams import stream
from mixup_multi_adapters.images.augment import Normalise
from mixup_multi_adapters.images.augmix import AugMix, divergence
from mixup_multi_adapters.images.chains import draw_chains, run_chains
from mixup_multi_adapters.images.operations import OPERATIONS

N, CLASSES = 6, 4
MEAN, STD = (0.5, 0.4, 0.3), (0.2, 0.3, 0.25)


class Part:
    """A training part of normalised images, or one that states nothing."""

    def __init__(self, stated: bool = True) -> None:
        self.stated = stated

    def bounds(self) -> Bounds | None:
        mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
        return Bounds(1 / std, -mean / std, (1 - mean) / std, 1.0) if self.stated else None


def pixels(n: int = N) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.randint(0, 256, (n, 3, 8, 8), generator=generator, dtype=torch.uint8)


def images(n: int = N) -> Batch:
    return Batch(Normalise(MEAN, STD)(pixels(n)), as_targets(torch.arange(n) % CLASSES, CLASSES))


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(192, CLASSES))


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("classes", [2, 10])
@pytest.mark.parametrize(("scale", "clamped"), [(1, 0), (8, 1e-7)])
def test_the_divergence_is_zero_for_equal_predictions_and_at_most_log_three(
    classes: int, scale: float, clamped: float
) -> None:
    """Up to what the released code's clamp of the mixture adds for a class of no probability."""
    logits = scale * torch.randn(50, 3, classes, generator=generator(), dtype=torch.float64)
    p, slack = logits.softmax(2).unbind(1), classes * clamped + 1e-12
    assert divergence([p[0]] * 3).abs().max() < slack
    jsd = divergence(list(p))
    assert (jsd > -slack).all()
    assert (jsd <= math.log(3)).all()
    assert jsd.max() > 0.05


def test_the_divergence_of_three_certain_predictions_is_log_three() -> None:
    certain = [torch.eye(3, dtype=torch.float64)[[k]] for k in range(3)]
    assert divergence(certain).item() == pytest.approx(math.log(3))
    two = [certain[0], certain[0], certain[1]]
    assert divergence(two).item() == pytest.approx(math.log(3) - 2 / 3 * math.log(2))


def test_the_loss_is_the_released_codes() -> None:
    """Written down as in google-research/augmix, cifar.py."""
    model, data, method = net(), images(), AugMix().fit(Part())
    draw = method.draw(data.targets, stream(1, "mix"))
    first, second = method.augmented(data.inputs, draw.seed)
    clean, one, other = (model(rows) for rows in (data.inputs, first, second))
    p = [functional.softmax(logits, dim=1) for logits in (clean, one, other)]
    mixture = torch.clamp((p[0] + p[1] + p[2]) / 3.0, 1e-7, 1).log()
    kl = [functional.kl_div(mixture, q, reduction="batchmean") for q in p]
    expected = functional.cross_entropy(clean, torch.arange(N) % CLASSES) + 12 * sum(kl) / 3.0
    terms = method.loss(model, data, draw)
    torch.testing.assert_close(terms.total, expected, rtol=1e-5, atol=0)
    torch.testing.assert_close(12 * terms.means["jsd"], terms.total - terms.means["clean_loss"])


def test_without_weight_it_is_plain_training() -> None:
    terms = AugMix(weight=0.0).fit(Part())(net(), images(), stream(0, "mix"))
    plain = ERM()(net(), images(), stream(0, "mix"))
    torch.testing.assert_close(terms.total, plain.total)
    assert torch.equal(terms.means["error"], plain.means["error"])


def test_independent_labels_diverge_as_so_many_coins() -> None:
    loss = LOSSES["sigmoid"]
    data = Batch(images().inputs, (torch.rand(N, CLASSES, generator=generator()) > 0.5).float())
    method = AugMix(loss_fn=loss).fit(Part())
    draw = method.draw(data.targets, stream(0, "mix"))
    versions = (data.inputs, *method.augmented(data.inputs, draw.seed))
    p = [net()(rows).sigmoid() for rows in versions]
    coins = [divergence([torch.stack([q[:, k], 1 - q[:, k]], 1) for q in p]) for k in range(4)]
    expected = torch.stack(coins).sum(0).mean()
    torch.testing.assert_close(method.loss(net(), data, draw).means["jsd"], expected)


def test_a_mixture_of_chains_that_do_nothing_is_the_image(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the way to levels and back, the weights and m lose nothing."""
    module = "mixup_multi_adapters.images.augmix.run_chains"
    monkeypatch.setattr(module, lambda levels, drawn: levels)
    for version in AugMix().fit(Part()).augmented(images().inputs, 3):
        torch.testing.assert_close(version, images().inputs, rtol=0, atol=1e-5)


def test_a_mixture_is_the_sum_of_its_chains() -> None:
    """One by one, as the released code does, on the same draws."""
    method, seed = AugMix(severity=8.0).fit(Part()), 5
    drawn = draw_chains(N, 3, None, 8.0, generator(seed))
    operations, normalise = list(OPERATIONS.values()), Normalise(MEAN, STD)
    versions = method.augmented(images().inputs, seed)
    for v in range(2):
        for i in range(N):
            mixture = torch.zeros(1, 3, 8, 8)
            for k in range(3):
                chain, level = (v * 3 + k) * N + i, pixels()[i : i + 1].float()
                for step in range(int(drawn.depth[chain])):
                    operation = operations[drawn.operation[step, chain]]
                    level = operation(level, drawn.strength[step, chain : chain + 1])
                mixture += drawn.weights[v, k, i] * normalise(level)
            clean, m = images().inputs[i : i + 1], drawn.m[v, i]
            expected = (1 - m) * clean + m * mixture
            torch.testing.assert_close(versions[v][i : i + 1], expected, rtol=0, atol=1e-4)


def test_versions_stay_in_range_differ_and_replay() -> None:
    method, data, bounds = AugMix(severity=10.0).fit(Part()), images(), Part().bounds()
    before = data.inputs.clone()
    first, second = method.augmented(data.inputs, 7)
    again = method.augmented(data.inputs, 7)
    for version, same in zip((first, second), again, strict=True):
        assert torch.equal(version, same)
        assert (version >= bounds.low - 1e-5).all()
        assert (version <= bounds.high + 1e-5).all()
    assert not torch.equal(first, second)
    assert torch.equal(data.inputs, before)


def test_draws_follow_their_laws() -> None:
    n = 4000
    drawn = draw_chains(n, 3, None, 3.0, generator())
    assert torch.allclose(drawn.weights.sum(1), torch.ones(2, n))
    # Each weight of Dirichlet(1, 1, 1) is Beta(1, 2): mean 1/3, variance 1/18.
    assert (drawn.weights.mean((0, 2)) - 1 / 3).abs().max() < 5 * (1 / 18 / (2 * n)) ** 0.5
    assert abs(drawn.weights.var() - 1 / 18) < 0.005
    assert abs(drawn.m.mean() - 0.5) < 5 * (1 / 12 / (2 * n)) ** 0.5
    share = drawn.depth.bincount(minlength=4)[1:] / len(drawn.depth)
    assert (share - 1 / 3).abs().max() < 0.02
    used = drawn.operation.flatten().bincount(minlength=9) / drawn.operation.numel()
    assert (used - 1 / 9).abs().max() < 0.01
    strength = drawn.strength.abs()
    assert 0.1 <= strength.min() < 0.11
    assert 2.99 < strength.max() <= 3
    assert abs((drawn.strength > 0).float().mean() - 0.5) < 0.02
    fixed = draw_chains(5, 2, 4, 0.0, generator())
    assert fixed.operation.shape == (4, 20)
    assert (fixed.depth == 4).all()
    assert (fixed.strength == 0).all()


def test_a_chain_ends_after_its_depth() -> None:
    drawn = draw_chains(3, 1, None, 3.0, generator())._replace(depth=torch.zeros(6))
    levels = pixels(3).float().repeat(2, 1, 1, 1)
    assert torch.equal(run_chains(levels.clone(), drawn), levels)


def test_what_it_cannot_do_is_refused() -> None:
    with pytest.raises(SettingError, match="which inputs are black and white"):
        AugMix().fit(Part(stated=False))
    with pytest.raises(PointError, match=r"augmix was asked for where \(2, 5\) flows"):
        AugMix()(net(), Batch(torch.ones(2, 5), torch.ones(2, 2)), stream(0, "mix"))
    for settings, said in (
        ({"width": 0}, "width is 0"),
        ({"depth": 0}, "depth 0"),
        ({"severity": 11.0}, "severity is 11"),
        ({"severity": -1.0}, "severity is -1"),
        ({"weight": -1.0}, "weight is -1"),
        ({"loss_fn": LOSSES["squared"]}, "targets that are numbers"),
    ):
        with pytest.raises(SettingError, match=said):
            AugMix(**settings)  # type: ignore[arg-type]
