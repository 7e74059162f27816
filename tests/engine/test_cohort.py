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
from mixup_multi.engine.cohort import start_cohort
from mixup_multi.errors import DivergedError, PointError
from mixup_multi.mix import BetaShare, Sometimes
from mixup_multi.objectives import ERM, LOSSES, MixupE, Vicinal


def _check(jobs: list[loop.Job], tolerance: float = 1e-9) -> None:
    for together, one in zip(case.together(jobs), jobs, strict=True):
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


def test_partners_and_the_probability_of_mixing_may_differ_within_a_cohort() -> None:
    sometimes = Vicinal(Sometimes(BetaShare(1.0, "row"), 0.4))
    near = Vicinal(BetaShare(1.0), "near", bandwidth=0.7)
    balanced = Vicinal(BetaShare(1.0), "balanced")
    inners = (sometimes, near, balanced)
    _check([job(method, 1) for inner in inners for method in (inner, MixupE(inner, 0.7))])


def test_members_may_predict_numbers() -> None:
    squared = LOSSES["squared"]
    near = Vicinal(BetaShare(1.0), "near", loss_fn=squared, bandwidth=0.7)
    objectives = [ERM(squared), near, MixupE(near, 0.7)]
    _check([replace(job(method, 1), loss_fn=squared) for method in objectives])


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
    for state in case.together(jobs):
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


def test_a_cohort_of_one_is_the_ordinary_loop() -> None:
    _check([job(METHODS["mixupe"], build=lambda: case.mlp(True))])


def test_a_member_that_diverges_leaves_and_the_others_go_on() -> None:
    records: list[tuple[int, float]] = []
    jobs = [job(ERM(), 0), job(ERM(), 1, optimizer="adam"), job(METHODS["mixupe"], 2)]
    bad = data(1)
    bad.train.inputs[:] = math.inf
    jobs[1] = replace(jobs[1], data=bad)
    ended = case.together(jobs, lambda member, record: records.append((member, record["epoch"])))
    assert isinstance(ended[1], DivergedError)
    assert "epoch 1, batch 1 of 4" in str(ended[1])
    assert sorted(records) == [(m, float(e)) for m in (0, 2) for e in (1, 2, 3, 4)]
    for member in (0, 2):
        state = ended[member]
        assert isinstance(state, loop.State)
        case.assert_equal(state, case.alone(jobs[member]))


def _six(epochs: int, **train: object) -> list[loop.Job]:
    return [
        job(method, seed, lambda: case.mlp(True), epochs=epochs, dtype=torch.float32, **train)
        for seed in range(2)
        for method in METHODS.values()
    ]


@pytest.mark.parametrize("optimizer", ["sgd", "adam"])
def test_a_cohort_that_goes_on_ends_with_the_same_bits(optimizer: str, tmp_path: Path) -> None:
    whole = case.together(_six(5, optimizer=optimizer))
    case.together(_six(2, optimizer=optimizer), checkpoint=tmp_path / "team.pt")
    torch.manual_seed(0)
    resumed = case.together(_six(5, optimizer=optimizer), checkpoint=tmp_path / "team.pt")
    for state, expected in zip(resumed, whole, strict=True):
        assert isinstance(state, loop.State)
        assert isinstance(expected, loop.State)
        case.assert_equal(state, expected, tolerance=0.0)


def test_a_member_goes_on_alone_from_the_cohorts_checkpoint(tmp_path: Path) -> None:
    def jobs(epochs: int) -> list[loop.Job]:
        return [job(method, epochs=epochs) for method in METHODS.values()]

    case.together(jobs(2), checkpoint=tmp_path / "team.pt")
    own = [replace(one, checkpoint=tmp_path / f"{n}.pt") for n, one in enumerate(jobs(4))]
    case.part(own, tmp_path / "team.pt")
    torch.manual_seed(0)
    one = own[1]
    case.assert_equal(case.alone(one), case.alone(jobs(4)[1]))
    assert torch.equal(torch.load(tmp_path / "1.pt", weights_only=True)["torch"], _dropout(one))


def _dropout(one: loop.Job) -> torch.Tensor:
    """Return torch's generator as it stands alone where nothing is drawn from it."""
    loop.start(replace(one, checkpoint=None))
    return torch.get_rng_state()


def test_a_member_that_has_left_is_not_in_the_next_checkpoint(tmp_path: Path) -> None:
    jobs = _six(3)
    bad = data(1, dtype=torch.float32)
    bad.train.inputs[:] = math.inf
    jobs[4] = replace(jobs[4], data=bad)
    ended = case.together(jobs, checkpoint=tmp_path / "team.pt")
    assert [type(one) for one in ended].count(DivergedError) == 1
    named = {str(place): one for place, one in enumerate(jobs)}
    assert list(start_cohort(named, tmp_path / "team.pt")) == ["0", "1", "2", "3", "5"]


def test_weights_that_the_last_step_broke_are_never_saved(tmp_path: Path) -> None:
    jobs = _six(1, batch_size=64, optimizer="sgd")  # one step, whose loss is still finite
    jobs = [replace(one, data=replace(one.data, validation=None)) for one in jobs]
    broken = jobs[0].train.model_copy(update={"lr": 1e300})
    jobs[0] = replace(jobs[0], train=broken)
    ended = case.together(jobs, checkpoint=tmp_path / "team.pt")
    assert isinstance(ended[0], DivergedError)
    assert "a weight is no longer finite after epoch 1" in str(ended[0])
    assert "0" not in torch.load(tmp_path / "team.pt", weights_only=True)


def test_a_point_that_is_not_offered_stops_before_training() -> None:
    lost = Vicinal(points=("haed",))
    with pytest.raises(PointError, match="did you mean 'head'"):
        case.together([job(lost, seed) for seed in range(2)])


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
    for epochs in (1, 3):
        case.together(jobs(epochs), checkpoint=tmp_path / "team.pt")
    case.part(jobs(4), tmp_path / "team.pt")
    for one, expected in zip(jobs(4), whole, strict=True):
        case.assert_equal(case.alone(one), expected)


def test_a_plain_model_is_mixed_at_its_input() -> None:
    def build() -> nn.Module:
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.Linear(8, 3))

    _check([job(method, 0, build) for method in METHODS.values()])
