"""ERM, mixup's limits in it, and the identity behind the modified law."""

from __future__ import annotations

import pytest
import torch
from scipy.special import roots_jacobi
from torch import nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import SettingError
from mixup_multi.mix import BetaShare, FixedShare, Mix
from mixup_multi.objectives import ERM, Draw, Vicinal
from mixup_multi.objectives.presets.mixing import mixup
from mixup_multi.points import Staged
from mixup_multi.streams import stream

N, CLASSES = 5, 3
Law = tuple[list[float], list[float]]


def batch() -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(N, 4, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (N,), generator=generator)
    return Batch(inputs, as_targets(labels, CLASSES, torch.float64))


def mlp() -> Staged:
    torch.manual_seed(0)
    stages = {
        "input": nn.Linear(4, 8),
        "hidden": nn.Sequential(nn.Tanh(), nn.Linear(8, CLASSES)),
    }
    return Staged(stages).double()


def test_erm_is_the_mean_cross_entropy_and_draws_nothing(close):
    net, data, generator = mlp(), batch(), stream(0, "mix")
    before = generator.get_state()
    terms = ERM()(net, data, generator)
    labels = data.targets.argmax(1)
    expected = nn.functional.cross_entropy(net(data.inputs), labels)
    close(terms.total, expected)
    wrong = (net(data.inputs).argmax(1) != labels).double().mean()
    assert terms.means["error"] == wrong
    assert torch.equal(generator.get_state(), before)


@pytest.mark.parametrize("targets", [torch.ones(N, 1), torch.ones(N), torch.ones(N, CLASSES + 1)])
@pytest.mark.parametrize("method", [ERM(), mixup()])
def test_targets_that_would_be_broadcast_are_refused(method, targets):
    data = Batch(batch().inputs, targets.double())
    with pytest.raises(SettingError, match=r"the model returned \(5, 3\) for targets \(5,"):
        method(mlp(), data, stream(0, "mix"))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("per", ["batch", "row"])
def test_alpha_to_zero_is_erm(seed, per, close, gradients):
    """Shares tend to 0 and 1, and a batch of which one a batch is drawn is then only permuted."""
    net, data = mlp(), batch()
    method = Vicinal(BetaShare(1e-9, per), points=("all",))
    draw = method.draw(data.targets, stream(seed, "mix"))
    kept = torch.where(draw.mix.own.expand(N) > 0.5, torch.arange(N), draw.mix.partner)
    terms = method.loss(net, data, draw)
    plain = ERM().loss(net, Batch(data.inputs[kept], data.targets[kept]), draw)
    if per == "batch":
        assert sorted(kept.tolist()) == list(range(N))
    close(terms.total, plain.total)
    close(gradients(terms.total, net), gradients(plain.total, net))


@pytest.mark.parametrize("own", [0.0, 1.0])
def test_shares_zero_and_one_are_erm_over_the_permuted_batch(own, close, gradients):
    net, data = mlp(), batch()
    method = Vicinal(FixedShare(own))
    terms = method(net, data, stream(0, "mix"))
    plain = ERM()(net, data, stream(0, "mix"))
    close(terms.total, plain.total)
    close(gradients(terms.total, net), gradients(plain.total, net))


def nodes(first: float, second: float) -> Law:
    """Return Gauss nodes in (0, 1) and weights that sum to 1 for the law Beta(first, second)."""
    points, weights = roots_jacobi(24, second - 1, first - 1)
    return ((points + 1) / 2).tolist(), (weights / weights.sum()).tolist()


@pytest.mark.parametrize("alpha", [0.2, 1.0, 2.0])
def test_mixup_is_the_hard_label_loss_of_inputs_mixed_under_the_modified_law(alpha):
    """E over Beta(a, a) and all pairs of l(x_mix, y_mix) is that of l(x_mix, y_i) over
    Beta(a + 1, a): the identity that every regulariser of the theory starts from."""
    net, data = mlp(), batch()
    pairs = [Mix(torch.arange(N).roll(shift), torch.ones(1)) for shift in range(N)]
    mixed = torch.zeros((), dtype=torch.float64)
    for own, weight in zip(*nodes(alpha, alpha), strict=True):
        for pair in pairs:
            mix = Mix(pair.partner, torch.tensor([own], dtype=torch.float64))
            mixed += weight * mixup(alpha=alpha).loss(net, data, Draw(mix)).total.detach() / N
    hard = hard_label_loss(net, data, nodes(alpha + 1, alpha))
    assert mixed.item() == pytest.approx(hard, abs=1e-7)
    assert abs(mixed.item() - hard_label_loss(net, data, nodes(alpha, alpha))) > 1e-3


def hard_label_loss(net: nn.Module, data: Batch, law: Law) -> float:
    """Return the mean over i, r and the law of the share of l(f(own x_i + rest x_r), y_i)."""
    x, labels, total = data.inputs, data.targets.argmax(1).repeat_interleave(N), 0.0
    for own, weight in zip(*law, strict=True):
        every = own * x[:, None] + (1 - own) * x[None]
        logits = net(every.reshape(N * N, 4))
        total += weight * nn.functional.cross_entropy(logits, labels).item()
    return total
