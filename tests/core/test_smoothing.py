"""Label smoothing against torch and timm, and within it any other method."""

from __future__ import annotations

import pytest
import torch
from timm.data.mixup import mixup_target
from timm.loss import LabelSmoothingCrossEntropy
from torch import nn
from torch.nn import functional

from mixup_multi.batch import Batch, as_targets
from mixup_multi.errors import SettingError
from mixup_multi.mix import FixedShare, mix_rows
from mixup_multi.objectives import ERM, LOSSES, LabelSmoothing, MixupE, Vicinal
from mixup_multi.streams import stream

N, CLASSES = 7, 4
LABELS = torch.arange(N) % CLASSES


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Linear(3, CLASSES).double()


def rows() -> Batch:
    inputs = torch.randn(N, 3, generator=stream(0, "mix"), dtype=torch.float64)
    return Batch(inputs, as_targets(LABELS, CLASSES, torch.float64))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.9, 1.0])
def test_it_is_torchs_and_timms_smoothed_cross_entropy(smoothing, close):
    model, data = net(), rows()
    total = LabelSmoothing(smoothing=smoothing)(model, data, stream(0, "mix")).total
    logits = model(data.inputs)
    close(total, functional.cross_entropy(logits, LABELS, label_smoothing=smoothing))
    if smoothing < 1:
        close(total, LabelSmoothingCrossEntropy(smoothing)(logits, LABELS))


def test_smoothed_mixup_has_timms_targets(close):
    model, data = net(), rows()
    inner = Vicinal(FixedShare(0.3))
    method = LabelSmoothing(inner, 0.1)
    draw = method.draw(data.targets, stream(1, "mix"))
    (mixing,) = draw.inner
    flipped = type(mixing.mix)(torch.arange(N).flip(0), mixing.mix.own)  # timm's partners
    draw = type(draw)(draw.mix, inner=(type(mixing)(flipped),))
    targets = mixup_target(LABELS, CLASSES, 0.3, 0.1).double()
    logits = model(mix_rows(data.inputs, flipped))
    close(method.loss(model, data, draw).total, functional.cross_entropy(logits, targets), 1e-6)


@pytest.mark.parametrize("labels", [1, 3])
def test_independent_labels_move_towards_one_half(labels):
    method = LabelSmoothing(ERM(LOSSES["sigmoid"]), 0.2, LOSSES["sigmoid"])
    y = torch.tensor([[0.0], [1.0], [0.5]]).expand(3, labels)
    expected = torch.tensor([[0.1], [0.9], [0.5]]).expand(3, labels)
    torch.testing.assert_close(method.smoothed(y), expected)


@pytest.mark.parametrize("inner", [ERM(), Vicinal(), MixupE()])
def test_without_smoothing_it_is_the_inner_method_on_the_same_draws(inner):
    model, data = net(), rows()
    method = LabelSmoothing(inner, 0.0)
    first, second = (one(model, data, stream(3, "mix")) for one in (inner, method))
    assert torch.equal(first.total, second.total)
    assert first.means.keys() == second.means.keys()


def test_what_cannot_be_smoothed_is_refused():
    for smoothing in (-0.1, 1.1, float("nan")):
        with pytest.raises(SettingError, match="expected 0 to 1"):
            LabelSmoothing(smoothing=smoothing)
    with pytest.raises(SettingError, match="targets that are numbers"):
        LabelSmoothing(loss_fn=LOSSES["squared"])
