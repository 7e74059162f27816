"""VarMixup at a readout: Manifold Mixup whose clean hidden states are pulled to N(0, I)."""

from __future__ import annotations

import pytest
import torch
from codec_cases import batch_of
from torch import nn

from mixup_multi.errors import SettingError
from mixup_multi.latent.mmd import Kernel, mmd
from mixup_multi.objectives.normal import NormalHidden
from mixup_multi.objectives.presets.latent import varmixup_readout
from mixup_multi.objectives.presets.mixing import mixup
from mixup_multi.points import Staged
from mixup_multi.streams import stream

ROWS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


class TwoVectors(nn.Module):
    """A model with two vectors at its preferred point, as a graph's pooled layers are."""

    points = ("readout", "input")

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(4, 3), nn.Linear(4, 2)
        self.head = nn.Linear(5, 3)

    def hidden(self, inputs):
        return self.first(inputs).tanh(), self.second(inputs).tanh()

    def forward(self, inputs, edits=None):
        edits = edits or {}
        inputs = edits["input"](inputs) if "input" in edits else inputs
        pooled = self.hidden(inputs)
        pooled = edits["readout"](pooled) if "readout" in edits else pooled
        return self.head(torch.cat(pooled, 1))


def test_the_total_by_hand():
    model, batch = TwoVectors().double(), batch_of(ROWS)
    method = varmixup_readout(gamma=0.3, kernel="rbf", sigma=1.5)
    draw = method.draw(batch.targets, stream(1, "mix"))
    terms = method.loss(model, batch, draw)
    mixed = mixup().loss(model, batch, draw)
    normal = torch.randn(6, 5, generator=torch.Generator().manual_seed(draw.seed)).double()
    distance = mmd(torch.cat(model.hidden(ROWS), 1), normal, Kernel("rbf", 1.5))
    torch.testing.assert_close(terms.means["mixed_loss"], mixed.total.detach())
    torch.testing.assert_close(terms.means["mmd"], distance.detach())
    torch.testing.assert_close(terms.total, mixed.total + 0.3 * distance)
    assert torch.equal(terms.means["error"], mixed.means["error"])


def test_draws_differ_in_the_normal_sample_too():
    method, targets = varmixup_readout(), batch_of(ROWS).targets
    generator = stream(1, "mix")
    assert method.draw(targets, generator).seed != method.draw(targets, generator).seed


def test_without_the_regulariser_it_is_the_inner_method_bit_for_bit():
    model, batch = TwoVectors().double(), batch_of(ROWS)
    generators = [stream(1, "mix"), stream(1, "mix")]
    for _ in range(3):  # the same random numbers are drawn too
        plain, regularised = (
            method(model, batch, generator).total
            for method, generator in zip(
                (mixup(), varmixup_readout(gamma=0.0)), generators, strict=True
            )
        )
        assert torch.equal(plain, regularised)


def test_training_brings_hidden_states_towards_the_normal_law():
    batch, distances = batch_of(5 + ROWS), []
    for gamma in (0.0, 20.0):
        torch.manual_seed(0)
        model = Staged({"input": nn.Linear(4, 4), "hidden": nn.Linear(4, 3)}).double()
        method = varmixup_readout(gamma=gamma, points="hidden", kernel="imq")
        optimizer, generator = torch.optim.Adam(model.parameters(), 0.03), stream(0, "mix")
        for _ in range(60):
            optimizer.zero_grad()
            method(model, batch, generator).total.backward()
            optimizer.step()
        normal = torch.randn(400, 4, generator=torch.Generator().manual_seed(3)).double()
        distances.append(mmd(model.stages["input"](batch.inputs), normal, Kernel("imq")).item())
    assert distances[1] < 0.5 * distances[0]


def test_a_negative_weight_is_refused():
    for gamma in (-0.1, float("nan"), float("inf")):
        with pytest.raises(SettingError, match="gamma is .*expected a number >= 0"):
            NormalHidden(gamma=gamma)
