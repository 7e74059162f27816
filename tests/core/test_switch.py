"""Switching between two methods: which one, how often, and on which draws."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, Tensor, nn

from mixup_multi.batch import Batch
from mixup_multi.errors import PointError, SettingError
from mixup_multi.mix import Cut, Mix
from mixup_multi.objectives import ERM, Draw, MixupE, Objective, Switch, Terms, Vicinal
from mixup_multi.streams import stream


def images() -> Batch:
    inputs = torch.rand(5, 1, 6, 6, generator=stream(0, "mix"))
    return Batch(inputs, torch.eye(3)[torch.arange(5) % 3])


def net() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(36, 3))


def test_each_batch_is_given_one_of_the_two_on_its_own_draws():
    model, data, seconds = net(), images(), 0
    method = Switch(Vicinal(), Vicinal(blend=Cut()), 0.3)
    generator = stream(0, "mix")
    for _ in range(400):
        draw = method.draw(data.targets, generator)
        terms = method.loss(model, data, draw)
        second = bool(terms.counts["second_taken"])
        chosen = method.second if second else method.first
        assert torch.equal(terms.total, chosen.loss(model, data, draw.inner[second]).total)
        assert draw.mix is draw.inner[second].mix
        seconds += second
    assert abs(seconds / 400 - 0.3) < 5 * (0.3 * 0.7 / 400) ** 0.5


@pytest.mark.parametrize(("prob", "name"), [(0.0, "first"), (1.0, "second")])
def test_at_the_ends_it_is_always_the_same_one(prob, name):
    method = Switch(ERM(), Vicinal(), prob)
    for seed in range(20):
        terms = method(net(), images(), stream(seed, "mix"))
        assert terms.counts["second_taken"] == (name == "second")


def test_what_follows_in_the_stream_does_not_depend_on_the_choice():
    states = set()
    for prob in (0.0, 1.0):
        generator = stream(0, "mix")
        Switch(ERM(), MixupE(), prob).draw(images().targets, generator)
        states.add(bytes(generator.get_state().tolist()))
    assert len(states) == 1


def test_its_terms_have_the_same_names_whichever_is_taken():
    method = Switch(ERM(), MixupE(), 0.5)
    names = {
        (*terms.means, *terms.counts)
        for terms in (method(net(), images(), stream(seed, "mix")) for seed in range(20))
    }
    assert names == {("error", "second_taken")}


@dataclass(frozen=True)
class Remembers(Objective):
    """Counts its steps in the memory between steps."""

    fitted: bool = False

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        return Draw(Mix.identity(len(targets)))

    def loss(self, model: nn.Module, batch: Batch, draw: Draw) -> Terms:
        steps = draw.memory.get("steps", torch.zeros(()))
        return Terms(model(batch.inputs).sum(), memory={"steps": steps + 1})

    def fit(self, train: object) -> Remembers:
        return replace(self, fitted=True)

    def check(self, model: nn.Module) -> None:
        raise PointError("checked")


def test_both_are_fitted_and_checked_and_memory_is_passed_on():
    method = Switch(Remembers(), ERM()).fit(None)
    assert method.first.fitted
    assert Switch(ERM(), Remembers()).fit(None).second.fitted
    for pair in ((Remembers(), ERM()), (ERM(), Remembers())):
        with pytest.raises(PointError, match="checked"):
            Switch(*pair).check(net())
    always = Switch(Remembers(), ERM(), 0.0)
    terms = always(net(), images(), stream(0, "mix"), {"steps": torch.tensor(4.0)})
    assert terms.memory["steps"] == 5


def test_no_probability_is_refused():
    for prob in (-0.1, 1.1, float("nan")):
        with pytest.raises(SettingError, match="expected a probability"):
            Switch(ERM(), ERM(), prob)
