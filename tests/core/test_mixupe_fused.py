"""One fused pass over clean and mixed rows equals the two passes of the papers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import PointError
from mixup_multi.mix import BetaShare, Linear
from mixup_multi.objectives import MixupE
from mixup_multi.objectives.mixupe import FORMS
from mixup_multi.objectives.presets.mixing import cutmix, manifold_mixup, mixup
from mixup_multi.points import Staged, staged
from mixup_multi.streams import stream

N, CLASSES = 6, 3


def batch(*shape: int, n: int = N) -> Batch:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randn(n, *shape, generator=generator, dtype=torch.float64)
    labels = torch.randint(CLASSES, (n,), generator=generator)
    return Batch(inputs, as_targets(labels, CLASSES, torch.float64))


def chain() -> Staged:
    torch.manual_seed(0)
    hidden = nn.Sequential(nn.Tanh(), nn.Linear(7, CLASSES))
    return Staged({"input": nn.Linear(4, 7), "hidden": hidden}).double()


def conv(*, norm: bool = False) -> nn.Module:
    torch.manual_seed(0)
    first = [nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4) if norm else nn.Identity(), nn.ReLU()]
    return nn.Sequential(*first, nn.Conv2d(4, CLASSES, 4), nn.Flatten()).double()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("point", ["input", "hidden"])
def test_fused_is_two_passes_for_nets_without_batch_norm(form, point, close, gradients):
    net, data = chain(), batch(4)
    apart = MixupE(mixup(points=point), 0.5, form, 0.1, mean=torch.ones(4))
    one, two = (m(net, data, stream(0, "mix")) for m in (replace(apart, fused=True), apart))
    close(one.total, two.total)
    close(gradients(one.total, net), gradients(two.total, net))
    assert one.means.keys() == two.means.keys()
    for name, value in two.means.items():
        close(one.means[name], value)


@pytest.mark.parametrize("form", ["paper_abs", "exact_abs"])
@pytest.mark.parametrize("n", [1, 5])
def test_fused_is_two_passes_for_cutmix_and_for_third_party_points(form, n, close, gradients):
    net, data = staged(conv(), at=["3"]), batch(2, 6, 6, n=n)
    for inner in (cutmix(), cutmix(per="row"), manifold_mixup()):
        apart = MixupE(inner, 0.5, form)
        one, two = (m(net, data, stream(2, "mix")) for m in (replace(apart, fused=True), apart))
        close(one.total, two.total)
        close(gradients(one.total, net), gradients(two.total, net))


def test_fused_differs_where_batch_norm_sees_both():
    net, data = conv(norm=True), batch(2, 6, 6)
    one, two = (MixupE(fused=fused)(net, data, stream(0, "mix")) for fused in (True, False))
    assert abs(one.means["regulariser"] - two.means["regulariser"]) > 1e-4


@pytest.mark.parametrize("fused", [False, True])
@pytest.mark.parametrize("form", ["paper_abs", "exact_abs"])
def test_codes_are_refused_by_every_form(form, fused):
    net = nn.Sequential(nn.Embedding(9, CLASSES), nn.Flatten(), nn.Linear(2 * CLASSES, CLASSES))
    data = Batch(torch.ones(N, 2, dtype=torch.int64), batch(1).targets.float())
    with pytest.raises(PointError, match="cannot be mixed: expected floating point"):
        MixupE(form=form, fused=fused)(net, data, stream(0, "mix"))


def test_settings_are_values():
    assert MixupE() == MixupE()
    assert MixupE(mixup(alpha=2.0)).inner.share == BetaShare(2.0)
    assert isinstance(MixupE().inner.blend, Linear)
