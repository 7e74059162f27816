"""A member of a cohort is the same job run alone: in weights, statistics, records, checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import cohort_jobs as case
import pytest
import torch
from cohort_jobs import METHODS, MODELS, data, job
from torch import nn

from mixup_multi.engine import loop
from mixup_multi.engine.cohort import train_cohort
from mixup_multi.errors import DivergedError, PointError
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import ERM, MixupE, Vicinal


def _check(jobs: list[loop.Job], tolerance: float = 1e-9) -> None:
    for together, one in zip(train_cohort(jobs), jobs, strict=True):
        assert isinstance(together, loop.State)
        case.assert_equal(together, case.alone(one), tolerance)


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
@pytest.mark.parametrize("name", MODELS)
def test_members_equal_their_jobs_alone_after_fifty_steps(name: str, optimizer: str) -> None:
    build, shape = MODELS[name]
    settings = {
        "optimizer": optimizer,
        "nesterov": optimizer == "sgd",
        "weight_decay": 0.01,
        "schedule": {"name": "cosine"},
        "epochs": 13,
        "track_test": True,
        "evaluate_every": 5,
    }
    _check(
        [
            job(method, seed, build, data(seed, shape), **settings)
            for seed in range(2)
            for method in METHODS.values()
        ]
    )


@pytest.mark.parametrize("name", MODELS)
def test_members_agree_in_single_precision_within_rounding(name: str) -> None:
    build, shape = MODELS[name]
    dtype = torch.float32
    _check(
        [
            job(method, 1, build, data(1, shape, dtype=dtype), dtype, optimizer="sgd", epochs=3)
            for method in METHODS.values()
        ],
        tolerance=1e-4,
    )


def test_numbers_may_differ_within_a_cohort() -> None:
    _check(
        [
            job(ERM(), 0, lr=0.02, weight_decay=0.0),
            job(MixupE(Vicinal(BetaShare(0.2)), eta=0.3), 1, lr=0.01, weight_decay=0.1),
            job(MixupE(Vicinal(BetaShare(2.0, "row")), eta=1.3), 2, lr=0.02),
            job(Vicinal(BetaShare(1.0), "other_class"), 3, lr=0.005, weight_decay=0.1),
            job(ERM(), 1, lr=0.01, weight_decay=0.1),
        ]
    )


@pytest.mark.parametrize("form", ["released_v3", "released_v4"])
def test_forms_may_differ_within_a_cohort(form: str) -> None:
    inner = Vicinal(BetaShare(0.5))
    forms = [MixupE(inner, 0.5, form), MixupE(inner, 0.5), MixupE(inner, 0.5, form, threshold=0.2)]
    _check([job(objective, seed) for seed in range(2) for objective in forms])


@pytest.mark.parametrize("name", ["mlp with BatchNorm", "small CNN"])
def test_batch_norm_is_updated_as_often_as_alone(name: str) -> None:
    build, shape = MODELS[name]
    of = data(0, shape)
    warm = replace(job(METHODS["mixupe"], 0, build, of), erm_epochs=2)
    silent = MixupE(Vicinal(BetaShare(0.4)), eta=0.0)
    objectives = [*METHODS.values(), silent, MixupE(Vicinal(BetaShare(0.0)))]
    jobs = [warm, *(job(objective, 0, build, of) for objective in objectives)]
    counts = []
    for state in train_cohort(jobs):
        assert isinstance(state, loop.State)
        counts.append(next(b for n, b in state.model.named_buffers() if "num" in n).item())
    assert counts == [24, 16, 16, 32, 16, 16]
    _check(jobs)


def test_warm_ups_may_differ_and_make_gaps_among_the_penalised() -> None:
    objective = METHODS["mixupe"]
    jobs = [job(objective, seed, lr=0.01 * (1 + seed % 2)) for seed in range(4)]
    jobs = [replace(one, erm_epochs=e) for one, e in zip(jobs, (3, 0, 1, 4), strict=True)]
    batch_norm = [replace(one, build=lambda: case.mlp(True).double()) for one in jobs]
    _check(jobs)
    _check(batch_norm)


def test_mixing_at_a_hidden_point() -> None:
    inner = Vicinal(BetaShare(1.0), points=("block2",))
    build, shape = MODELS["LeNet"]
    objectives = [inner, MixupE(inner, 0.7), ERM()]
    _check([job(objective, 0, build, data(0, shape)) for objective in objectives])
    head = Vicinal(BetaShare(1.0), points=("head",))
    _check([job(objective, 0) for objective in (head, MixupE(head, 0.7))])


@pytest.mark.parametrize("settings", [{"drop_last": True}, {"steps_per_epoch": 3}])
def test_orders_of_every_kind(settings: dict[str, object]) -> None:
    _check([job(method, 5, **settings) for method in METHODS.values()])


def test_augmented_members_draw_their_own_augmentations() -> None:
    of = data(0)
    jitter = lambda x, g: x + 0.1 * torch.randn(x.shape, generator=g)  # noqa: E731
    noisy = replace(of, train=replace(of.train, augment=jitter))
    _check([job(method, seed, of=noisy) for seed in range(2) for method in METHODS.values()])


def test_evaluated_parts_of_different_lengths() -> None:
    first, second = data(0), data(1)
    shorter = replace(second, validation=second.test, test=second.validation)
    jobs = [job(METHODS["mixupe"], 0, of=of, track_test=True) for of in (first, shorter)]
    _check(jobs)


def test_a_cohort_of_one_is_the_ordinary_loop_bit_for_bit() -> None:
    one = job(METHODS["mixupe"], build=lambda: case.mlp(True, dropout=0.3), dtype=torch.float32)
    (together,) = train_cohort([one])
    assert isinstance(together, loop.State)
    case.assert_equal(together, case.alone(one), tolerance=0.0)


def test_a_member_that_diverges_leaves_and_the_others_go_on() -> None:
    records: list[tuple[int, float]] = []
    jobs = [job(ERM(), 0), job(ERM(), 1, optimizer="adam"), job(METHODS["mixupe"], 2)]
    bad = data(1)
    bad.train.inputs[:] = math.inf
    jobs[1] = replace(jobs[1], data=bad)
    ended = train_cohort(jobs, lambda member, record: records.append((member, record["epoch"])))
    assert isinstance(ended[1], DivergedError)
    assert "epoch 1, batch 1 of 4" in str(ended[1])
    assert sorted(records) == [(m, float(e)) for m in (0, 2) for e in (1, 2, 3, 4)]
    for member in (0, 2):
        state = ended[member]
        assert isinstance(state, loop.State)
        case.assert_equal(state, case.alone(jobs[member]))


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_members_go_on_alone_and_cells_alone_go_on_together(optimizer: str, tmp_path: Path) -> None:
    def jobs(epochs: int) -> list[loop.Job]:
        made = [
            job(method, seed, lambda: case.mlp(True), optimizer=optimizer, epochs=epochs)
            for seed in range(2)
            for method in METHODS.values()
        ]
        return [replace(j, checkpoint=tmp_path / f"{i}.pt") for i, j in enumerate(made)]

    whole = [case.alone(replace(one, checkpoint=None)) for one in jobs(5)]
    train_cohort(jobs(2))
    case.alone(jobs(4)[3])  # one of them is two epochs ahead
    torch.manual_seed(0)
    for state, expected in zip(train_cohort(jobs(5)), whole, strict=True):
        assert isinstance(state, loop.State)
        case.assert_equal(state, expected)
    again = loop.start(jobs(5)[1])
    case.assert_equal(again, whole[1])


def test_a_member_resumed_alone_equals_an_uninterrupted_run(tmp_path: Path) -> None:
    path = tmp_path / "one.pt"
    jobs = [replace(job(method), checkpoint=path) for method in METHODS.values()]
    jobs = [jobs[0], replace(jobs[1], checkpoint=None), replace(jobs[2], checkpoint=None)]
    train_cohort([replace(one, train=one.train.model_copy(update={"epochs": 2})) for one in jobs])
    saved = torch.load(path, weights_only=True)
    case.assert_equal(case.alone(jobs[0]), case.alone(replace(jobs[0], checkpoint=None)))
    plain = loop.start(replace(jobs[0], checkpoint=None))
    torch.testing.assert_close(saved["torch"], torch.get_rng_state())
    assert saved["model"].keys() == plain.model.state_dict().keys()
    weight = next(iter(saved["model"].values()))
    assert weight.untyped_storage().nbytes() == weight.numel() * weight.element_size()


def test_a_point_that_is_not_offered_stops_before_training() -> None:
    lost = Vicinal(points=("haed",))
    with pytest.raises(PointError, match="did you mean 'head'"):
        train_cohort([job(lost, seed) for seed in range(2)])


def _dropping_cnn() -> nn.Module:
    build, _ = MODELS["LeNet"]
    model = build()
    model.stages["classifier"].insert(1, nn.Dropout(0.3))
    model.stages["block2"].append(nn.Dropout(0.2))
    return model


@pytest.mark.parametrize(
    ("build", "shape"),
    [(lambda: case.mlp(True, dropout=0.5), (4,)), (_dropping_cnn, (1, 16, 16))],
    ids=["mlp", "convolutions"],
)
def test_dropout_masks_are_those_alone(
    build: Callable[[], nn.Module], shape: tuple[int, ...], tmp_path: Path
) -> None:
    def jobs(epochs: int) -> list[loop.Job]:
        some = [job(m, s, build, data(s, shape), epochs=epochs) for s, m in pairs]
        return [replace(one, checkpoint=tmp_path / f"{i}.pt") for i, one in enumerate(some)]

    pairs = list(enumerate((*METHODS.values(), METHODS["mixupe"])))
    whole = [case.alone(replace(one, checkpoint=None)) for one in jobs(4)]
    train_cohort(jobs(1))
    case.alone(jobs(2)[0])
    train_cohort(jobs(3))
    for one, expected in zip(jobs(4), whole, strict=True):
        case.assert_equal(case.alone(one), expected)


def test_a_plain_model_is_mixed_at_its_input() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))

    _check([job(method, 0, build) for method in METHODS.values()])
