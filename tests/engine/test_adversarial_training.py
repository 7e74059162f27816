"""Attacks, and what steps leave, in the training loop: resumed, in pieces, compiled, on two."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path

import pytest
import rank_jobs
import torch
from cohort_jobs import alone, assert_equal, data, job, mlp
from torch import nn
from torch.testing import assert_close

from mixup_multi.attacks.presets import ifgsm, pgd, random_fgsm
from mixup_multi.bounds import Bounds
from mixup_multi.engine import loop
from mixup_multi.engine.cohort_groups import cohorts
from mixup_multi.engine.ranks import Ranks
from mixup_multi.engine.source import Data
from mixup_multi.engine.training import Rehearsal, Training
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives import (
    ERM,
    Gaussian,
    LabelSmoothing,
    LayerWise,
    MixupE,
    Objective,
    Switch,
    Vicinal,
)
from mixup_multi.objectives.presets.adversarial import adversarial, iat, layerwise, trades
from mixup_multi.objectives.presets.mixing import mixup, mixupe, mixupe_exact

SIZES = {"eps": 0.3, "step": 0.1, "steps": 3}
METHODS: dict[str, Objective] = {
    "adversarial": adversarial(attack=pgd(**SIZES)),
    "fast": adversarial(attack=random_fgsm(eps=0.3, step=0.4)),
    "mixupe": adversarial(attack=pgd(**SIZES), inner=mixupe()),
    "hidden": adversarial(attack=pgd(**SIZES, point="head")),
    "iat": iat(attack=pgd(**SIZES)),
    "trades": trades(attack=pgd(**SIZES, start="normal")),
}
LAYERWISE = {
    "layerwise": layerwise(eps=0.3),
    "within": adversarial(attack=pgd(**SIZES), inner=LayerWise(eps=0.3)),
    "of mixup": layerwise(eps=0.3, inner=mixup()),
}
needs_fabric = pytest.mark.skipif(
    find_spec("lightning_fabric") is None, reason="the extra `fabric` is not installed"
)


def bounded(of: Data | None = None) -> Data:
    of = data(0) if of is None else of
    bounds = Bounds(torch.ones(()), torch.tensor(-3.0), torch.tensor(3.0), 6.0)
    return replace(of, train=replace(of.train, bounds=bounds))


def job_of(method: Objective, build: Callable[[], nn.Module] | None = None, **train) -> loop.Job:
    dtype = torch.float32 if "precision" in train else torch.float64
    of = bounded(data(0, dtype=dtype))
    return job(method, build=build or (lambda: mlp(batch_norm=True)), of=of, dtype=dtype, **train)


@pytest.mark.parametrize("name", METHODS | LAYERWISE)
def test_resumed_equals_uninterrupted_bit_for_bit(name: str, tmp_path: Path) -> None:
    whole = job_of((METHODS | LAYERWISE)[name], lambda: mlp(batch_norm=True, dropout=0.2))
    path = tmp_path / "checkpoint.pt"
    first = replace(whole, train=whole.train.model_copy(update={"epochs": 2}), checkpoint=path)
    left = alone(first).memory
    assert bool(left) == (name in LAYERWISE)
    rest = replace(whole, checkpoint=path)
    begun = loop.start(rest)
    assert begun.memory.keys() == left.keys()
    assert all(torch.equal(begun.memory[key], value) for key, value in left.items())
    assert_equal(alone(rest), alone(whole), tolerance=0.0)


def test_without_an_attack_training_is_the_inner_s_from_end_to_end() -> None:
    for inner in (ERM(), mixup(), mixupe()):
        off = alone(job_of(adversarial(attack=pgd(eps=0.0), inner=inner)))
        plain = alone(job_of(inner))
        ours, theirs = off.model.state_dict(), plain.model.state_dict()
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)
    off, plain = alone(job_of(layerwise(eps=0.0))), alone(job_of(ERM()))
    assert_equal(off, plain, tolerance=0.0)


@pytest.mark.parametrize("name", LAYERWISE)
def test_a_warm_up_leaves_nothing_and_then_steps_do(name: str) -> None:
    one = replace(job_of(LAYERWISE[name]), erm_epochs=2)
    short = replace(one, train=one.train.model_copy(update={"epochs": 2}))
    assert alone(short).memory == {}
    assert alone(one).memory


def test_rows_attacked_in_micro_batches_are_those_of_the_batch() -> None:
    method = adversarial(attack=ifgsm(**SIZES))
    assert_equal(alone(job_of(method, mlp, accumulate=3)), alone(job_of(method, mlp)))


def test_micro_batches_of_a_layer_wise_step_hand_on_what_they_leave() -> None:
    seen = []

    class Spy(LayerWise):
        def loss(self, model, batch, draw):
            seen.append((dict(draw.memory), terms := LayerWise.loss(self, model, batch, draw)))
            return terms

    alone(job_of(Spy(eps=0.3), mlp, accumulate=2, epochs=1))
    assert len(seen) == 7  # of four steps, the last of two rows
    assert not seen[0][0]
    for (_, before), (given, _) in pairwise(seen):
        assert given.keys() == before.memory.keys()
        assert all(given[key] is before.memory[key] for key in given)


@needs_fabric
@pytest.mark.parametrize("name", METHODS | LAYERWISE)
def test_bf16_reaches_every_weight(name: str) -> None:
    state = alone(job_of((METHODS | LAYERWISE)[name], precision="bf16-mixed", epochs=6))
    fresh = loop.start(job_of(ERM(), precision="bf16-mixed")).model
    for weight, other in zip(state.model.parameters(), fresh.parameters(), strict=True):
        assert not torch.equal(weight, other)  # autocast keeps copies, made without gradients
    assert state.history[-1]["train_loss"] < state.history[0]["train_loss"]


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
@pytest.mark.parametrize("name", ["hidden", "trades"])
def test_compiled_is_eager(name: str) -> None:
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()
    eager = alone(job_of(METHODS[name], epochs=2))
    assert_equal(alone(job_of(METHODS[name], epochs=2, compile=True)), eager)
    assert not torch._dynamo.utils.counters["recompile_limit"]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 6


@pytest.mark.parametrize("method", [*LAYERWISE.values(), iat(clean=mixupe_exact())])
def test_what_cannot_be_compiled_says_so(method: Objective) -> None:
    with pytest.raises(SettingError, match=r"train.compile with .*; set train.compile=false"):
        alone(job_of(method, compile=True))


@pytest.mark.parametrize("name", LAYERWISE)
def test_what_remembers_is_refused_on_several_devices(name: str) -> None:
    one = replace(job_of(LAYERWISE[name]), ranks=Ranks(0, 2, 1))
    with pytest.raises(SettingError, match="--devices 2 with a method whose steps leave something"):
        alone(one)


def test_two_processes_attack_their_own_rows(tmp_path: Path) -> None:
    pytest.importorskip("lightning_fabric", reason="the extra `fabric` is not installed")
    names = list(rank_jobs.ATTACKED)
    ports = {name: rank_jobs.free_port() for name in names}
    arguments = (ports, tmp_path)
    torch.multiprocessing.spawn(rank_jobs.train_attacked, arguments, nprocs=rank_jobs.SIZE)
    for name in names:
        both = [torch.load(tmp_path / f"{name}.{rank}") for rank in range(2)]
        first, second = (said["model"] for said in both)
        assert all(torch.equal(first[key], second[key]) for key in first)
        if name != "fgsm":
            continue
        one = alone(rank_jobs.ATTACKED[name])  # it draws nothing, so it is that of one process
        assert_close(first, one.model.state_dict(), rtol=1e-9, atol=1e-9)
        losses = [record["adversarial_loss"] for record in both[0]["history"]]
        assert losses == pytest.approx([r["adversarial_loss"] for r in one.history], rel=1e-9)


def test_they_train_alone_among_cohorts() -> None:
    methods = [ERM(), *METHODS.values(), mixup(), *LAYERWISE.values()]
    groups = cohorts([job_of(method, mlp) for method in methods], even_if_slower=True)
    assert sorted(map(len, groups)) == [1] * (len(methods) - 2) + [2]
    assert [0, 1 + len(METHODS)] in groups


def test_bounds_may_be_found_out_when_they_are_asked_for() -> None:
    of, asked = data(0), []

    def find_out() -> Bounds:
        asked.append(1)
        return Bounds(torch.ones(()))

    lazy = replace(of, train=replace(of.train, bounds=find_out))
    assert not asked
    assert Training(lazy).bounds() == Rehearsal(lazy).bounds() != Training(of).bounds()
    assert len(asked) == 2
    assert Training(of).bounds() is None
    with pytest.raises(PointError, match="needs the adapter to say"):
        alone(job(METHODS["adversarial"], of=of))


def test_a_glance_computes_nothing_of_the_data() -> None:
    of, codec = data(0), object()
    assert Rehearsal(of).mean() is None
    assert Rehearsal(of).fitted(codec) is codec
    assert len(Rehearsal(of).source) == 2


def test_what_a_part_says_of_itself_its_wrappers_say_too() -> None:
    layers = LayerWise(ERM(), 0.1)
    exact = MixupE(Vicinal(), form="exact_abs")
    for wrap in (LabelSmoothing, Gaussian, partial(Switch, ERM())):
        assert wrap(layers).remembers
        assert wrap(layers).eager == layers.eager
        assert wrap(exact).eager == exact.eager
        assert not wrap(ERM()).remembers
    with pytest.raises(SettingError, match="inner is itself a method"):
        LayerWise(Switch(layers, ERM()), 0.1)
