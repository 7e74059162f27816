"""Corruptions of tables against what each column says of itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Tensor

from mixup_multi.engine.source import Data, Trial
from mixup_multi_adapters.tabular import TabularAdapter

ROWS = 4_000


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table of two numbers (one with gaps), a constant and a column of three levels."""
    random = np.random.default_rng(0)
    gaps = random.exponential(2.0, ROWS)
    gaps[random.random(ROWS) < 0.1] = np.nan
    frame = pd.DataFrame(
        {
            "a": random.normal(5, 3, ROWS),
            "gaps": gaps,
            "same": 7.0,
            "level": random.choice(["x", "y", "z"], ROWS),
            "target": random.choice(["no", "yes"], ROWS),
        }
    )
    file = tmp_path_factory.mktemp("tables") / "table.csv"
    frame.to_csv(file, index=False)
    return file


def load(path: Path, **settings: object) -> Data:
    return TabularAdapter.datasets["file"].load(path.parent, Trial(), path=path.name, **settings)


def corrupted(data: Data, name: str, severity: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    index = torch.arange(len(data.train))
    new = data.shifts.made[name].of(data.train, severity, seed)
    return data.train.gather(index).inputs, new.gather(index).inputs


@pytest.mark.parametrize("scale", ["standard", "none"])
def test_noise_is_in_units_of_the_training_deviation(path: Path, scale: str) -> None:
    data = load(path, scale=scale)
    clean, noisy = corrupted(data, "noise", 3)
    moved = (noisy - clean).double()
    spread = clean.double().std(0)
    torch.testing.assert_close(
        moved[:, :2].std(0) / spread[:2], torch.tensor([0.4, 0.4]).double(), atol=0.03, rtol=0
    )
    assert torch.equal(noisy[:, 2:], clean[:, 2:])  # the constant, the flag, the levels


def test_missing_values_are_what_the_encoder_makes_of_gaps(path: Path) -> None:
    data = load(path)
    clean, gone = corrupted(data, "missing", 5)
    flagged = clean[:, 3] == 1
    filled = clean[flagged, 1][0]
    lost = gone[:, 3] == 1
    assert (gone[lost, 1] == filled).all()
    assert torch.equal(gone[~lost, 1], clean[~lost, 1])
    assert (gone[:, 2] == 0).all()  # the constant column
    assert lost[flagged].all()
    assert lost[~flagged].float().mean().item() == pytest.approx(0.5, abs=0.03)
    levels = gone[:, 4:].sum(1)
    assert set(levels.unique().tolist()) == {0.0, 1.0}
    assert (levels == 0).float().mean().item() == pytest.approx(0.5, abs=0.03)
    median = clean[:, 0].median()
    at_median = (gone[:, 0] - median).abs() < 1e-2
    assert at_median.float().mean().item() == pytest.approx(0.5, abs=0.03)


def test_scale_and_offset_are_one_for_all_rows(path: Path) -> None:
    data = load(path, scale="none")
    clean, scaled = corrupted(data, "scale", 4)
    mean = clean.mean(0)
    for column in (0, 1):
        factor = (scaled[:, column] - mean[column]) / (clean[:, column] - mean[column])
        assert factor.median().item() in (pytest.approx(2, rel=1e-3), pytest.approx(0.5, rel=1e-3))
    clean, moved = corrupted(data, "offset", 5)
    spread = clean.std(0)
    for column in (0, 1):
        step = (moved - clean)[:, column] / spread[column]
        assert step.std() < 1e-4
        assert abs(step.mean().item()) == pytest.approx(1, rel=1e-3)
    assert torch.equal(moved[:, 2:], clean[:, 2:])
    signs = {tuple(corrupted(data, "offset", 5, s)[1][0, :2].tolist()) for s in range(12)}
    assert len(signs) == 4


@pytest.mark.parametrize("categorical", ["onehot", "embed"])
def test_swapped_levels_are_other_levels_that_training_has_seen(
    path: Path, categorical: str
) -> None:
    data = load(path, categorical=categorical)
    index = torch.arange(len(data.train))
    clean = data.train.gather(index).inputs
    new = data.shifts.made["level_swap"].of(data.train, 5, 0).gather(index).inputs
    if categorical == "embed":
        assert torch.equal(new["numeric"], clean["numeric"])
        old_codes, codes = clean["categorical"][:, 0], new["categorical"][:, 0]
        assert set(codes.tolist()) == {1, 2, 3}
    else:
        assert torch.equal(new[:, :4], clean[:, :4])
        assert (new[:, 4:].sum(1) == 1).all()
        old_codes, codes = clean[:, 4:].argmax(1), new[:, 4:].argmax(1)
    changed = codes != old_codes
    assert changed.float().mean().item() == pytest.approx(0.5, abs=0.03)
    turned = torch.bincount((codes - old_codes)[changed] % 3, minlength=3)
    assert turned[1].item() == pytest.approx(turned[2].item(), rel=0.15)


def test_missing_codes_are_code_0(path: Path) -> None:
    data = load(path, categorical="embed")
    index = torch.arange(len(data.test))
    clean = data.test.gather(index).inputs["categorical"]
    gone = data.shifts.made["missing"].of(data.test, 4, 0).gather(index).inputs["categorical"]
    assert ((gone == clean) | (gone == 0)).all()
    assert gone.dtype == torch.int64
    assert (gone == 0).float().mean().item() == pytest.approx(0.35, abs=0.06)


def test_only_what_has_meaning_is_offered(path: Path) -> None:
    assert set(load(path).shifts.made) == {"noise", "missing", "scale", "offset", "level_swap"}
    assert set(load(path, ignore=("level",)).shifts.made) == {"noise", "missing", "scale", "offset"}
    assert set(load(path, ignore=("a", "gaps", "same")).shifts.made) == {"missing", "level_swap"}
