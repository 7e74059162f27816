"""MixupE: L = etahat (L_mix + eta R), its six forms, and what each does to the gradient.

Every form is written out here a second time, from the table of the released versions, with
double backward to the input where the form is exact.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from mixupe_cases import ALPHA, C, N, data, mlp
from torch import Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.objectives import ERM, MixupE
from mixup_multi.objectives.mixupe import FORMS
from mixup_multi.objectives.presets.mixing import mixup
from mixup_multi.streams import stream

THRESHOLDS = {"released_v1": 0.2, "released_v3": 0.2}


MEAN = torch.tensor([0.3, -0.2, 0.1], dtype=torch.float64)


def penalty_by_the_table(form: str, net: nn.Module, batch: Batch, threshold: float) -> Tensor:
    """Return what is added to L_mix before rescaling, divided by eta."""
    y = batch.targets
    if form in ("paper_abs", "released_v3", "released_v4"):
        f = net(batch.inputs)
        p = f.softmax(1)
        p = p.detach() if form == "released_v4" else p
        q = ((y - p) * f).sum(1)
    else:
        x = batch.inputs.clone().requires_grad_()
        f = net(x)
        b = f.softmax(1) - y
        b = b if form == "exact_abs" else b.detach()
        (slope,) = torch.autograd.grad(f, x, grad_outputs=b, create_graph=True)
        q = (slope * (MEAN - x.detach())).sum(1)
    kept = q < threshold
    return {
        "paper_abs": C * q.abs().mean(),
        "exact_abs": C * q.abs().mean(),
        "released_v1": C * q[kept].sum() / N,
        "released_v2": C * q.abs().mean(),
        "released_v3": -C * q[kept].sum() / N,
        "released_v4": -C * q.mean(),
    }[form]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("eta", [0.05, 0.7])
def test_total_and_gradient_are_the_equation(form, eta, close, gradients):
    net, batch = mlp(), data()
    method = MixupE(mixup(alpha=ALPHA), eta, form, THRESHOLDS.get(form, 1.0), mean=MEAN)
    terms = method(net, batch, stream(1, "mix"))
    mixed = method.inner(net, batch, stream(1, "mix")).total
    penalty = penalty_by_the_table(form, net, batch, method.threshold)
    etahat = (mixed.abs() / (mixed + eta * penalty).abs()).detach()
    assert etahat < 10
    close(terms.total, etahat * (mixed + eta * penalty))
    assert abs(terms.total.item()) == pytest.approx(mixed.item(), rel=1e-12)
    by_hand = etahat * (gradients(mixed, net) + eta * gradients(penalty, net))
    close(gradients(terms.total, net), by_hand)
    assert gradients(penalty, net).abs().max() > 1e-3


@pytest.mark.parametrize("form", FORMS)
def test_mixed_loss_regulariser_and_etahat_are_logged_beside_the_total(form, close):
    net, batch = mlp(), data()
    method = MixupE(mixup(alpha=ALPHA), 0.3, form, THRESHOLDS.get(form, 1.0), mean=MEAN)
    terms = method(net, batch, stream(1, "mix"))
    inner = method.inner(net, batch, stream(1, "mix"))
    penalty = penalty_by_the_table(form, net, batch, method.threshold)
    sign = -1 if form in ("released_v3", "released_v4") else 1
    close(terms.means["mixed_loss"], inner.total.detach())
    close(terms.means["regulariser"], sign * penalty.detach())
    close(terms.means["error"], inner.means["error"])
    expected = inner.total / (inner.total + 0.3 * penalty).abs()
    close(terms.means["etahat"], expected.detach())
    assert not any(value.requires_grad for value in (*terms.means.values(), *terms.counts.values()))


@pytest.mark.parametrize("form", ["released_v1", "released_v3"])
def test_a_filtered_sum_is_divided_by_all_rows(form, close):
    net, batch = mlp(), data()
    method = MixupE(mixup(alpha=ALPHA), 1.0, form, 0.2, mean=MEAN)
    each = [
        replace(method, threshold=torch.inf)
        .loss(net, Batch(x, y), method.draw(y, stream(0, "mix")))
        .means["regulariser"]
        for x, y in zip(batch.inputs.split(1), batch.targets.split(1), strict=True)
    ]
    rows = torch.stack(each)
    kept = rows < C * 0.2
    assert 0 < kept.sum() < N
    got = method(net, batch, stream(0, "mix")).means["regulariser"]
    close(got, rows[kept].sum() / N)
    nothing = replace(method, threshold=-torch.inf)(net, batch, stream(0, "mix"))
    assert nothing.means["regulariser"] == 0


def test_version_4_is_mixup_plus_clean_cross_entropy_in_gradient(close, gradients):
    net, batch, eta = mlp(), data(), 0.4
    method = MixupE(mixup(alpha=ALPHA), eta, "released_v4")
    terms = method(net, batch, stream(1, "mix"))
    mixed = method.inner(net, batch, stream(1, "mix")).total
    clean = ERM()(net, batch, stream(1, "mix")).total
    expected = gradients(mixed, net) + eta * C * gradients(clean, net)
    close(gradients(terms.total, net), terms.means["etahat"] * expected)


def test_the_papers_form_pulls_right_rows_the_other_way_than_version_3(close, gradients):
    """|qhat| lowers a positive qhat; version 3 raises it."""
    net = nn.Linear(2, 2, bias=False).double()
    with torch.no_grad():
        net.weight.copy_(torch.eye(2))
    batch = Batch(torch.tensor([[1.0, -1.0]]).double(), torch.tensor([[1.0, 0.0]]).double())
    paper, released = (
        MixupE(mixup(alpha=ALPHA), 1.0, form)(net, batch, stream(0, "mix"))
        for form in ("paper_abs", "released_v3")
    )
    assert paper.means["regulariser"].item() == pytest.approx(C * 0.23840584, abs=1e-8)
    assert released.means["regulariser"].item() == pytest.approx(C * 0.23840584, abs=1e-8)
    mixed = gradients(mixup()(net, batch, stream(0, "mix")).total, net)
    pulls = [gradients(t.total, net) / t.means["etahat"] - mixed for t in (paper, released)]
    close(pulls[0], -pulls[1])
    assert pulls[0].abs().max() > 1e-3
