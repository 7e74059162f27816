"""Which jobs are put together, which are not, and why."""

from __future__ import annotations

from dataclasses import replace

import cohort_jobs as case
import pytest
import torch
from cohort_jobs import METHODS, MODELS, data, job
from torch import nn

from mixup_multi.engine import loop
from mixup_multi.engine.cohort_groups import cohorts, free_bytes, member_bytes
from mixup_multi.engine.settings import Train
from mixup_multi.errors import SettingError
from mixup_multi.mix import BetaShare, Cut
from mixup_multi.objectives import ERM, LOSSES, MixupE, Vicinal


class _Scaled(nn.Module):
    """Differs from its like in a number that neither its tensors nor its name show."""

    def __init__(self, scale: float) -> None:
        super().__init__()
        self.linear, self.scale = nn.Linear(4, 3), scale

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return self.scale * self.linear(inputs)


class _Dropping(nn.Module):
    """Drops by a function, which draws from the global generator."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(self.linear(inputs), 0.5, self.training)


@pytest.mark.parametrize(
    ("first", "second", "reason"),
    [
        (job(ERM()), job(ERM(), batch_size=8), "the train section"),
        (job(ERM()), job(ERM(), of=data(0, rows=49)), "sizes of the batches"),
        (job(ERM()), job(ERM(), build=lambda: case.mlp(True)), "the model"),
        (
            job(Vicinal()),
            job(Vicinal(points=("head",))),
            "mix at different points",
        ),
        (job(ERM()), job(MixupE(form="exact_abs")), "fast MixupE"),
        (
            *(job(ERM(), s, _Dropping) for s in range(2)),
            "does not say what each|cannot be stacked",
        ),
        (
            job(ERM(), build=lambda: _Scaled(1.0)),
            job(ERM(), build=lambda: _Scaled(2.0)),
            "does not say what each",
        ),
    ],
)
def test_jobs_that_cannot_train_together_are_refused(
    first: loop.Job, second: loop.Job, reason: str
) -> None:
    with pytest.raises(SettingError, match=reason):
        case.together([first, second])


def test_seeds_numbers_and_methods_make_one_cohort() -> None:
    jobs = [
        job(method, seed, lr=0.01 * (1 + seed), weight_decay=0.1 * seed)
        for seed in range(5)
        for method in METHODS.values()
    ]
    jobs[4] = replace(jobs[4], erm_epochs=2)
    assert cohorts(jobs) == [list(range(15))]


def test_only_what_is_alike_is_together() -> None:
    shorter = data(3, rows=49)
    jobs = [
        job(ERM()),  # 0
        job(Vicinal(BetaShare(0.4), blend=Cut())),  # 1: its blend
        job(METHODS["mixup"], 1),  # 2
        job(ERM(), 3, of=shorter),  # 3: its rows
        job(ERM(), build=lambda: case.mlp(True)),  # 4: its model
        job(ERM(), epochs=5),  # 5: its epochs
        job(Vicinal(points=("head",))),  # 6: its point
        job(METHODS["mixupe"], 3, of=shorter),  # 7: with 3
        job(MixupE(fused=True)),  # 8: one pass
        job(Vicinal(points=("all",))),  # 9: a point drawn
    ]
    assert cohorts(jobs) == [[0, 2], [1], [3, 7], [4], [5], [6], [8], [9]]


def test_a_loss_of_its_own_stands_apart() -> None:
    other = ERM(LOSSES["softmax_bce"])
    jobs = [job(ERM()), job(other), job(METHODS["mixup"]), job(other, 1)]
    assert cohorts(jobs) == [[0, 2], [1, 3]]


def test_dropout_as_a_function_trains_alone() -> None:
    jobs = [job(ERM(), seed, _Dropping) for seed in range(3)]
    assert cohorts(jobs) == [[0], [1], [2]]


def test_dropout_as_a_module_trains_together() -> None:
    jobs = [job(ERM(), seed, lambda: case.mlp(dropout=0.5)) for seed in range(3)]
    assert cohorts(jobs) == [[0, 1, 2]]


def test_only_the_sizes_of_batches_matter() -> None:
    steps = {"steps_per_epoch": 3, "batch_size": 16}
    jobs = [job(ERM(), seed, of=data(seed, rows=40 + seed), **steps) for seed in range(3)]
    assert cohorts(jobs) == [[0, 1, 2]]


def test_convolutions_on_the_cpu_train_alone_unless_asked() -> None:
    build, shape = MODELS["small CNN"]
    jobs = [job(ERM(), seed, build, data(seed, shape)) for seed in range(2)]
    assert cohorts(jobs) == [[0], [1]]
    assert cohorts(jobs, even_if_slower=True) == [[0, 1]]


@pytest.mark.parametrize(("limits", "sizes"), [({"most": 4}, [4, 3]), ({"most": 1}, [1] * 7)])
def test_limits_divide_evenly(limits: dict[str, int], sizes: list[int]) -> None:
    groups = cohorts([job(ERM(), seed) for seed in range(7)], **limits)
    assert [len(group) for group in groups] == sizes
    assert sorted(place for group in groups for place in group) == list(range(7))


def test_memory_limits_a_group() -> None:
    jobs = [job(ERM(), seed, dtype=torch.float32) for seed in range(6)]
    one = member_bytes(jobs[0], case.mlp())
    assert 4 * 4 * 131 < one < 100_000  # 131 weights
    assert [len(group) for group in cohorts(jobs, memory=2 * one)] == [2, 2, 2]
    assert [len(group) for group in cohorts(jobs, memory=0)] == [1] * 6
    assert free_bytes(torch.device("cpu")) > 2**20


def test_looking_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    cohorts([job(ERM(), seed, lambda: case.mlp(True)) for seed in range(2)])
    assert torch.equal(before, torch.get_rng_state())


def test_settings_that_a_cohort_does_not_know_train_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "mixup_multi.engine.cohort_likeness.KNOWN", set(Train.model_fields) - {"lr"}
    )
    assert cohorts([job(ERM(), seed) for seed in range(2)]) == [[0], [1]]
