"""Training: reproducible bit for bit, resumable, fair between methods, honest about NaN."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from mixup_multi.engine import loop
from mixup_multi.engine.order import epoch_batches
from mixup_multi.engine.settings import Schedule, Train
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.errors import DivergedError, OutputError, PointError
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import ERM, LOSSES, MixupE, Objective, Vicinal
from mixup_multi.points import Staged
from mixup_multi.streams import stream


def _source(rows: int, seed: int) -> TensorSource:
    generator = torch.Generator().manual_seed(seed)
    labels = torch.arange(rows) % 3
    inputs = torch.randn(rows, 4, generator=generator) + 2 * labels[:, None].float()
    jitter = lambda x, g: x + 0.01 * torch.randn(x.shape, generator=g)  # noqa: E731
    return TensorSource(inputs, labels, 3, [str(i) for i in range(rows)], augment=jitter)


DATA = Data("toy", _source(50, 0), _source(20, 1), _source(15, 2), ("a", "b", "c"), "key")


def _net() -> nn.Module:
    return Staged(
        {
            "input": nn.Sequential(nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU()),
            "head": nn.Sequential(nn.Dropout(0.2), nn.Linear(16, 3)),
        }
    )


def _job(objective: Objective, checkpoint: Path | None = None, **train: object) -> loop.Job:
    settings = Train.model_validate({"epochs": 4, "batch_size": 16, "lr": 0.01, **train})
    return loop.Job(
        DATA, _net, objective, LOSSES["softmax"], settings, 7, torch.device("cpu"), 0, checkpoint
    )


def _trained(job: loop.Job) -> loop.State:
    state = loop.start(job)
    loop.run(job, state)
    return state


def _same(a: loop.State, b: loop.State) -> bool:
    first, second = a.model.state_dict(), b.model.state_dict()
    return all(torch.equal(first[name], second[name]) for name in first)


OBJECTIVES = {"erm": ERM(), "mixup": Vicinal(BetaShare(0.4)), "mixupe": MixupE(eta=0.5)}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_equal_seeds_give_equal_bits(name: str) -> None:
    first, second = _trained(_job(OBJECTIVES[name])), _trained(_job(OBJECTIVES[name]))
    assert _same(first, second)
    without_time = [{k: v for k, v in r.items() if k != "seconds"} for r in first.history]
    assert without_time == [{k: v for k, v in r.items() if k != "seconds"} for r in second.history]


def test_another_seed_gives_another_run() -> None:
    job = _job(ERM())
    assert not _same(_trained(job), _trained(replace(job, seed=8)))


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_resumed_equals_uninterrupted_bit_for_bit(
    name: str, optimizer: str, tmp_path: Path
) -> None:
    whole = _trained(_job(OBJECTIVES[name], optimizer=optimizer))
    path = tmp_path / "checkpoint.pt"
    _trained(_job(OBJECTIVES[name], path, optimizer=optimizer, epochs=2))
    job = _job(OBJECTIVES[name], path, optimizer=optimizer)
    resumed = loop.start(job)
    assert resumed.epoch == 2
    loop.run(job, resumed)
    assert _same(whole, resumed)
    assert [r["train_loss"] for r in whole.history] == [r["train_loss"] for r in resumed.history]


def test_methods_of_one_seed_see_the_same_batches() -> None:
    seen: dict[str, list[torch.Tensor]] = {}

    class Spy(TensorSource):
        def gather(self, index, generator=None):  # type: ignore[no-untyped-def]
            batch = super().gather(index, generator)
            if generator is not None:
                seen[self.ids[0]].append(batch.inputs)
            return batch

    for name, objective in OBJECTIVES.items():
        seen[name] = []
        spy = Spy(DATA.train.inputs, DATA.train.labels, 3, [name] * 50, augment=DATA.train.augment)
        _trained(replace(_job(objective), data=replace(DATA, train=spy)))
    for name in ("mixup", "mixupe"):
        assert len(seen[name]) == len(seen["erm"]) > 0
        assert all(map(torch.equal, seen[name], seen["erm"]))


def test_warm_up_epochs_are_plain_training() -> None:
    warm = replace(_job(OBJECTIVES["mixup"], epochs=2), erm_epochs=2)
    assert _same(_trained(warm), _trained(_job(ERM(), epochs=2)))
    longer = replace(_job(OBJECTIVES["mixup"], epochs=3), erm_epochs=2)
    assert not _same(_trained(longer), _trained(_job(ERM(), epochs=3)))


def test_training_learns_and_records() -> None:
    state = _trained(_job(ERM(), epochs=20, batch_size=25, track_test=True, evaluate_every=3))
    last = state.history[-1]
    assert last["train_loss"] < 0.5 * state.history[0]["train_loss"]
    assert last["validation_error"] < 34  # the majority class errs on two thirds
    assert [r["epoch"] for r in state.history if "test_error" in r] == [3, 6, 9, 12, 15, 18, 20]
    assert all(r["seconds"] > 0 and r["lr"] == 0.01 for r in state.history)


def test_a_lossless_epoch_of_mixupe_logs_its_regulariser_apart() -> None:
    record = _trained(_job(MixupE(eta=0.5), epochs=1)).history[0]
    assert record["train_loss"] == pytest.approx(record["mixed_loss"], rel=1e-5)
    assert record["regulariser"] > 0
    assert 0 < record["etahat"] < 1
    assert record["etahat_clamped"] == 0


def test_nan_names_epoch_batch_and_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    bad = replace(DATA.train, inputs=DATA.train.inputs.clone())
    _trained(_job(ERM(), path, epochs=1))
    bad.inputs[:] = float("nan")
    job = replace(_job(ERM(), path, epochs=2), data=replace(DATA, train=bad))
    with pytest.raises(DivergedError, match=r"epoch 2, batch 1 of 4") as caught:
        _trained(job)
    assert str(path) in str(caught.value)
    again = loop.start(_job(ERM(), path))
    assert again.epoch == 1
    assert all(bool(torch.isfinite(p).all()) for p in again.model.parameters())


@pytest.mark.parametrize("damage", ["truncated", "flipped byte", "empty"])
def test_a_damaged_checkpoint_is_set_aside_and_the_one_before_it_used(
    damage: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    whole = _trained(_job(OBJECTIVES["mixup"]))
    path = tmp_path / "checkpoint.pt"
    _trained(_job(OBJECTIVES["mixup"], path, epochs=2, checkpoint_seconds=0.0))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    bad = {"truncated": content[:-200], "flipped byte": content, "empty": b""}[damage]
    path.write_bytes(bad)
    job = _job(OBJECTIVES["mixup"], path)
    state = loop.start(job)
    assert state.epoch == 1
    kept = tmp_path / "checkpoint.pt.damaged-1"
    assert kept.read_bytes() == bad
    assert kept.name in caplog.text
    loop.run(job, state)
    assert _same(whole, state)


def test_a_checkpoint_of_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    _trained(_job(ERM(), path, epochs=1))
    other = replace(_job(ERM(), path), build=lambda: nn.Linear(4, 3))
    with pytest.raises(OutputError, match="another model"):
        loop.start(other)


def test_a_checkpoint_loads_without_running_code(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    _trained(_job(ERM(), path, epochs=1))
    content = torch.load(path, weights_only=True)
    assert set(content) >= {"model", "optimizer", "generators", "epoch", "history"}


def test_a_point_that_is_not_offered_stops_before_training() -> None:
    with pytest.raises(PointError, match="did you mean 'head'"):
        _trained(_job(Vicinal(points=("haed",))))


def test_an_epoch_visits_every_row_once_and_leaves_no_lone_row() -> None:
    batches = epoch_batches(33, Train(batch_size=16), stream(0, "order"))
    assert [len(b) for b in batches] == [16, 17]
    assert torch.cat(batches).sort().values.tolist() == list(range(33))
    dropped = epoch_batches(39, Train(batch_size=16, drop_last=True), stream(0, "order"))
    assert [len(b) for b in dropped] == [16, 16]
    assert [len(b) for b in epoch_batches(5, Train(batch_size=16), stream(0, "order"))] == [5]


def test_fresh_batches_as_the_gin_code_draws_them() -> None:
    train = Train(batch_size=4, steps_per_epoch=7)
    batches = epoch_batches(10, train, stream(0, "order"))
    assert [len(b) for b in batches] == [4] * 7
    assert all(len(b.unique()) == 4 for b in batches)
    assert len(torch.cat(batches).unique()) == 10  # no pass, but no row is out of reach


def test_schedules_are_pure_functions_of_the_epoch() -> None:
    steps = Schedule(name="steps", at=(3, 6), factor=0.1)
    assert [steps.rate(1.0, e, 9) for e in (0, 2, 3, 5, 6, 8)] == pytest.approx(
        [1, 1, 0.1, 0.1, 0.01, 0.01]
    )
    every = Schedule(name="every", epochs=50, factor=0.5)
    assert [every.rate(0.01, e, 350) for e in (0, 49, 50, 100)] == [0.01, 0.01, 0.005, 0.0025]
    cosine = Schedule(name="cosine")
    assert [cosine.rate(2.0, e, 4) for e in (0, 2, 4)] == pytest.approx([2, 1, 0])
    warm = Schedule(warmup=3)
    assert [warm.rate(1.0, e, 9) for e in range(5)] == pytest.approx([0.25, 0.5, 0.75, 1, 1])
