"""timm's `Mixup`, ours against the installed one: the same results of the same draws, same laws."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from timm.data import Mixup as Theirs
from timm.data import mixup as their_module
from torch import Tensor

from mixup_multi.errors import PointError, SettingError
from mixup_multi.integrations.timm import Drawn, Mixup, mixed

CLASSES = 5
BOTH = {"mixup_alpha": 0.8, "cutmix_alpha": 1.0, "num_classes": CLASSES}
USES = {
    "mixup": {"num_classes": CLASSES},
    "cutmix": {"mixup_alpha": 0.0, "cutmix_alpha": 0.7, "num_classes": CLASSES},
    "both": BOTH,
    "sometimes": {**BOTH, "prob": 0.5, "switch_prob": 0.3},
    "box by its sides": {**BOTH, "mixup_alpha": 0.0, "cutmix_minmax": (0.3, 0.8)},
    "uncorrected": {**BOTH, "correct_lam": False},
    "not smoothed": {**BOTH, "label_smoothing": 0.0},
}


def images(n: int = 6, height: int = 9, width: int = 14) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(n, 3, height, width, generator=generator, dtype=torch.float64)


LABELS = torch.tensor([0, 1, 2, 3, 4, 1])


class Recorder:
    """Watches what timm draws in a call, in its order of rows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.boxes: list[tuple[int, ...]] = []
        self.own: list[float] = []
        cut = their_module.cutmix_bbox_and_lam

        def watched(*args, **kwargs):
            box, own = cut(*args, **kwargs)
            self.boxes.append(box)
            self.own.append(own)
            return box, own

        monkeypatch.setattr(their_module, "cutmix_bbox_and_lam", watched)


def drawn_of(recorder: Recorder, shares: np.ndarray, cuts: np.ndarray) -> Drawn:
    """Return timm's draws as ours."""
    own = np.asarray(shares, dtype=np.float64).copy()
    cut = np.asarray(cuts) & (own != 1)
    start, end = np.zeros((len(own), 2), dtype=np.int64), np.zeros((len(own), 2), dtype=np.int64)
    for number, row in enumerate(np.flatnonzero(cut)):
        top, bottom, left, right = recorder.boxes[number]
        start[row], end[row], own[row] = (top, left), (bottom, right), recorder.own[number]
    return Drawn(own, start, end, cut)


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
@pytest.mark.parametrize("use", USES)
def test_the_same_draws_give_timms_results(use, mode, monkeypatch):
    theirs, ours = Theirs(mode=mode, **USES[use]), Mixup(mode=mode, **USES[use])
    recorder, kept = Recorder(monkeypatch), {}
    drawing = "_params_per_batch" if mode == "batch" else "_params_per_elem"
    original = getattr(theirs, drawing)

    def watched(*args):
        own, cut = original(*args)
        kept["drawn"] = (np.atleast_1d(np.array(own)).copy(), np.atleast_1d(np.array(cut)))
        return own, cut

    monkeypatch.setattr(theirs, drawing, watched)
    changed = 0
    for seed in range(12):
        recorder.boxes.clear()
        recorder.own.clear()
        np.random.seed(seed)
        x, target = theirs(images(), LABELS)
        drawn = ours._spread(drawn_of(recorder, *kept["drawn"]), len(LABELS))
        got, rows = mixed(images(), ours._smoothed(LABELS), drawn)
        torch.testing.assert_close(got, x, rtol=0, atol=1e-7)
        torch.testing.assert_close(rows, target.float(), rtol=0, atol=1e-6)
        changed += int(not torch.equal(got, images()))
    assert changed >= 3


def test_the_keywords_are_timms_in_their_order():
    def keywords(kind):
        parameters = inspect.signature(kind).parameters.values()
        return [(p.name, p.default) for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]

    assert keywords(Mixup) == keywords(Theirs)
    public = {name for name in vars(Theirs()) if not name.startswith("_")}
    assert public <= set(vars(Mixup()))


@pytest.mark.parametrize("mode", ["batch", "elem"])
@pytest.mark.parametrize("use", ["mixup", "both", "sometimes", "box by its sides"])
def test_the_labels_shares_follow_timms_law(use, mode):
    """Kolmogorov-Smirnov at 1 in 10,000; of a row's own label among two classes."""
    settings = {**USES[use], "num_classes": 2, "label_smoothing": 0.0, "mode": mode}
    x, y = torch.rand(2, 1, 8, 11), torch.tensor([0, 1])
    ours, theirs = Mixup(**settings), Theirs(**settings)
    np.random.seed(0)
    shares = [[float(f(x.clone(), y)[1][0, 0]) for _ in range(1500)] for f in (ours, theirs)]
    assert ks_2samp(*shares).pvalue > 1e-4
    assert np.mean(np.array(shares[0]) == 1) == pytest.approx(
        np.mean(np.array(shares[1]) == 1), abs=0.06
    )


def test_boxes_follow_timms_law():
    """Where pixels of the partner lie, over many boxes."""
    settings = {"mixup_alpha": 0.0, "cutmix_alpha": 1.0, "num_classes": 2}
    y = torch.tensor([0, 1])
    x = torch.stack([torch.zeros(1, 6, 9), torch.ones(1, 6, 9)])
    np.random.seed(0)
    for extra in ({}, {"cutmix_minmax": (0.2, 0.9)}):
        maps = [
            torch.stack([f(x.clone(), y)[0][0, 0] for _ in range(3000)]).mean(0)
            for f in (Mixup(**settings, **extra), Theirs(**settings, **extra))
        ]
        torch.testing.assert_close(*maps, rtol=0, atol=0.05)
        assert float(maps[0].max() - maps[0].min()) > 0.1


def test_switched_off_it_smooths_labels_only():
    ours, theirs = Mixup(**BOTH), Theirs(**BOTH)
    ours.mixup_enabled = theirs.mixup_enabled = False
    x, target = ours(images(), LABELS)
    assert torch.equal(x, images())
    torch.testing.assert_close(target, theirs(images(), LABELS)[1])


def test_multi_labels_are_smoothed_towards_a_half():
    rows = (torch.rand(6, CLASSES) > 0.5).long()
    ours, theirs = (kind(num_classes=CLASSES, multi_label=True) for kind in (Mixup, Theirs))
    ours.mixup_enabled = theirs.mixup_enabled = False
    torch.testing.assert_close(ours(images(), rows)[1], theirs(images(), rows)[1])


@pytest.mark.parametrize("mode", ["batch", "pair", "elem"])
def test_an_odd_batch_is_mixed_and_nothing_given_is_changed(mode):
    x = images(5)
    ours = Mixup(mixup_alpha=1.0, mode=mode, num_classes=CLASSES, label_smoothing=0.0)
    got, target = ours(x, LABELS[:5])
    assert torch.equal(x, images(5))
    torch.testing.assert_close(got[2], x[2])
    assert target[2].tolist() == [0, 0, 1, 0, 0]
    assert not torch.allclose(got[0], x[0])


def test_a_pair_has_one_draw():
    got, target = Mixup(mode="pair", num_classes=CLASSES, label_smoothing=0.0)(images(), LABELS)
    for row, partner in ((0, 5), (1, 4), (2, 3)):
        both = images()[row] + images()[partner]
        torch.testing.assert_close(got[row] + got[partner], both, rtol=0, atol=1e-7)
        assert target[row].sum() == pytest.approx(1, abs=1e-6)


def test_draws_are_the_seeds_and_can_be_resumed():
    one, other, third = Mixup(**BOTH), Mixup(**BOTH), Mixup(**BOTH, seed=1)
    first = one(images(), LABELS)[0]
    assert torch.equal(first, other(images(), LABELS)[0])
    assert not torch.equal(first, third(images(), LABELS)[0])
    third.load_state_dict(one.state_dict())
    assert torch.equal(one(images(), LABELS)[0], third(images(), LABELS)[0])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "half"}, "mode is 'half': expected one of batch, pair, elem"),
        ({"prob": 1.5}, "prob is 1.5"),
        ({"cutmix_minmax": (0.8, 0.3, 1.2)}, "expected 0 <= least"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(SettingError, match=message):
        Mixup(**settings)


def test_what_cannot_be_mixed_is_refused():
    with pytest.raises(SettingError, match="both 0"):
        Mixup(mixup_alpha=0.0)(images(), LABELS % 2)
    with pytest.raises(PointError, match="expected a tensor"):
        Mixup(num_classes=CLASSES)(torch.rand(6, 4), LABELS)
    with pytest.raises(SettingError, match="from 0 to 4: expected class indices from 0 to 2"):
        Mixup(num_classes=3)(images(), LABELS)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision_keeps_targets_exact(half):
    x, target = Mixup(mode="elem", **BOTH)(images().to(half), LABELS)
    assert x.dtype == half
    assert target.dtype == torch.float32
    torch.testing.assert_close(target.sum(1), torch.ones(6))


def test_a_rank_that_is_known_after_construction_draws_differently(monkeypatch):
    """Bit for bit what it draws where the rank was known all along."""
    for name in ("RANK", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    x, y = torch.rand(6, 1, 4, 4), torch.arange(6) % 3
    alone, late = (Mixup(num_classes=3, seed=1) for _ in range(2))
    monkeypatch.setenv("LOCAL_RANK", "1")
    early = Mixup(num_classes=3, seed=1)
    second = late(x, y)
    assert all(torch.equal(a, b) for a, b in zip(second, early(x, y), strict=True))
    monkeypatch.delenv("LOCAL_RANK")
    assert not torch.equal(alone(x, y)[0], second[0])
