"""Small jobs in double precision, and what it means that two runs are equal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from mixup_multi.engine import loop
from mixup_multi.engine.cohort import start_cohort, train_cohort
from mixup_multi.engine.settings import Train
from mixup_multi.engine.source import Data, TensorSource
from mixup_multi.errors import DivergedError
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import ERM, LOSSES, MixupE, Objective, Vicinal
from mixup_multi.points import Staged

CLASSES = 3
METHODS: Mapping[str, Objective] = {
    "erm": ERM(),
    "mixup": Vicinal(BetaShare(0.4)),
    "mixupe": MixupE(Vicinal(BetaShare(0.7)), eta=0.8),
}


def source(shape: tuple[int, ...], rows: int, seed: int, dtype: torch.dtype) -> TensorSource:
    """Return blobs around a random centre for each class."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(0, CLASSES, (rows,), generator=generator)
    centres = torch.randn(CLASSES, *shape, generator=torch.Generator().manual_seed(99))
    noise = torch.randn(rows, *shape, generator=generator)
    inputs = (centres[labels] + noise).to(dtype)
    return TensorSource(inputs, labels, CLASSES, [str(i) for i in range(rows)])


def data(
    seed: int, shape: tuple[int, ...] = (4,), rows: int = 50, dtype: torch.dtype = torch.float64
) -> Data:
    """Return a split of its own for each seed."""
    parts = [source(shape, n, 3 * seed + i, dtype) for i, n in enumerate((rows, 20, 15))]
    return Data(f"toy{seed}", parts[0], parts[1], parts[2], ("a", "b", "c"), str(seed))


def mlp(batch_norm: bool = False, dropout: float = 0.0) -> nn.Module:
    """Return two layers for rows of four numbers.

    A bias before BatchNorm has no gradient but rounding, which Adam would divide by itself.
    """
    norm = [nn.BatchNorm1d(16)] if batch_norm else []
    drop = [nn.Dropout(dropout)] if dropout else []
    first = nn.Sequential(nn.Linear(4, 16, bias=not norm), *norm, nn.ReLU(), *drop)
    return Staged({"input": first, "head": nn.Linear(16, CLASSES)})


def small_cnn() -> nn.Module:
    """Return convolutions with BatchNorm for images (1, 8, 8)."""

    def block(into: int, out: int) -> nn.Sequential:
        layer = nn.Conv2d(into, out, 3, padding=1, bias=False)
        return nn.Sequential(layer, nn.BatchNorm2d(out), nn.ReLU(inplace=True), nn.MaxPool2d(2))

    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, CLASSES))
    return Staged({"input": block(1, 4), "block2": block(4, 8), "head": head})


def lenet() -> nn.Module:
    """Return LeNet's order of layers, without dropout, for images (1, 16, 16)."""
    first = nn.Sequential(nn.Conv2d(1, 4, 5), nn.MaxPool2d(2), nn.ReLU())
    second = nn.Sequential(nn.Conv2d(4, 4, 5), nn.MaxPool2d(2), nn.ReLU())
    head = nn.Sequential(nn.Flatten(), nn.Linear(4, 16), nn.ReLU(), nn.Linear(16, CLASSES))
    return Staged({"input": first, "block2": second, "classifier": head})


MODELS: Mapping[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    "mlp": (mlp, (4,)),
    "mlp with BatchNorm": (lambda: mlp(batch_norm=True), (4,)),
    "small CNN": (small_cnn, (1, 8, 8)),
    "LeNet": (lenet, (1, 16, 16)),
}


def job(
    objective: Objective,
    seed: int = 0,
    build: Callable[[], nn.Module] = mlp,
    of: Data | None = None,
    dtype: torch.dtype = torch.float64,
    **train: object,
) -> loop.Job:
    """Return a job of four epochs of four steps."""
    settings = Train.model_validate({"epochs": 4, "batch_size": 16, "lr": 0.01, **train})
    return loop.Job(
        data(seed, dtype=dtype) if of is None else of,
        lambda: build().to(dtype),
        objective,
        LOSSES["softmax"],
        settings,
        seed,
        torch.device("cpu"),
    )


def alone(job: loop.Job) -> loop.State:
    """Return a job's state, trained by the ordinary loop."""
    state = loop.start(job)
    loop.run(job, state)
    return state


def together(
    jobs: Sequence[loop.Job],
    on_epoch: Callable[[int, dict[str, float]], None] | None = None,
    checkpoint: Path | None = None,
) -> list[loop.State | DivergedError]:
    """Return the jobs' states, trained as a cohort, or why they left it; members are numbered."""
    named = {str(place): job for place, job in enumerate(jobs)}
    states = start_cohort(named, checkpoint)
    tell = None if on_epoch is None else lambda name, record: on_epoch(int(name), record)
    left = train_cohort(named, states, checkpoint, tell)
    return [left.get(name, state) for name, state in states.items()]


def part(jobs: Sequence[loop.Job], checkpoint: Path) -> None:
    """Give each job, which has a checkpoint of its own, what the cohort's holds of it."""
    named = {str(place): job for place, job in enumerate(jobs)}
    for name, state in start_cohort(named, checkpoint).items():
        own = named[name].checkpoint
        assert own is not None
        state.save(own)


def assert_equal(together: loop.State, apart: loop.State, tolerance: float = 1e-9) -> None:
    """Compare weights, buffers, optimiser states, generators and records."""
    _compare(together.model.state_dict(), apart.model.state_dict(), tolerance)
    first, second = together.optimizer.state_dict(), apart.optimizer.state_dict()
    assert first["param_groups"] == second["param_groups"]
    assert first["state"].keys() == second["state"].keys()
    for parameter, state in first["state"].items():
        _compare(state, second["state"][parameter], tolerance)
    for name, generator in together.generators.items():
        assert torch.equal(generator.get_state(), apart.generators[name].get_state()), name
    assert together.epoch == apart.epoch
    _compare_records(together.history, apart.history, tolerance)


def _compare(a: Mapping[str, Tensor], b: Mapping[str, Tensor], tolerance: float) -> None:
    assert a.keys() == b.keys()
    for name in a:
        torch.testing.assert_close(
            a[name], b[name], rtol=tolerance, atol=tolerance, msg=lambda m, n=name: f"{n}: {m}"
        )


def _compare_records(
    a: Sequence[Mapping[str, float]], b: Sequence[Mapping[str, float]], tolerance: float
) -> None:
    """Records have equal keys in equal order; evaluation's losses are of logits in float32."""
    assert [list(record) for record in a] == [list(record) for record in b]
    for ours, theirs in zip(a, b, strict=True):
        for name in ours.keys() - {"seconds"}:
            watched = name.startswith(("validation", "test"))
            limit = max(tolerance, 1e-5) if watched else tolerance
            assert abs(ours[name] - theirs[name]) <= limit * max(1, abs(theirs[name])), name
