"""AutoAttack through our bounds; the search itself is its authors'."""

from __future__ import annotations

import copy
import logging
import sys
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close
from trained import trained

from mixup_multi import door
from mixup_multi.attacks.auto import AutoAttack, autoattack
from mixup_multi.attacks.presets import pgd
from mixup_multi.attacks.search import Norm
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import Error, Robustness, Subject
from mixup_multi.objectives.losses import Softmax

LOW, SPAN = -1.0, 2.0
PIXELS = Bounds(torch.tensor(SPAN), torch.tensor(LOW), torch.tensor(LOW + SPAN), largest=1.0)


@pytest.fixture(scope="module")
def subject() -> Subject:
    """Digits, with bounds around what their model reads."""
    pytest.importorskip("pyautoattack", reason="comes with the extra autoattack")
    logging.getLogger("auto-attack").setLevel(logging.ERROR)
    given = trained("images")
    bounded = replace(given.data.train, bounds=PIXELS)  # type: ignore[type-var]
    return replace(given, data=replace(given.data, train=bounded))


def batch_of(subject: Subject, n: int = 8) -> Batch:
    batch = subject.gather("test", torch.arange(n))
    said = subject.model(batch.inputs).argmax(1)
    return replace(batch, targets=torch.nn.functional.one_hot(said, 10).float())


@pytest.mark.parametrize(("norm", "eps"), [("linf", 0.02), ("l2", 0.3)])
def test_it_stays_in_the_ball_and_leaves_no_trace(
    subject: Subject, norm: Norm, eps: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    batch, model = batch_of(subject), subject.model
    weights, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    tracer = sys.gettrace()
    same, moved = autoattack(eps=eps, norm=norm).perturb(model, batch, PIXELS, 3, Softmax())
    assert same is model
    away = (moved.inputs - batch.inputs) / SPAN
    size = away.abs().amax() if norm == "linf" else away.flatten(1).norm(dim=1).max()
    assert 0.5 * eps < float(size) <= eps * (1 + 1e-5)
    assert moved.inputs.min() >= LOW
    assert moved.inputs.max() <= LOW + SPAN
    fooled = model(moved.inputs).argmax(1) != batch.targets.argmax(1)
    assert fooled.any()
    assert torch.equal(moved.inputs[~fooled], batch.inputs[~fooled])
    _, again = autoattack(eps=eps, norm=norm).perturb(model, batch, PIXELS, 3, Softmax())
    assert_close(again.inputs, moved.inputs, rtol=0, atol=0)
    assert torch.equal(state, torch.get_rng_state())
    assert sys.gettrace() is tracer
    assert all(torch.equal(weights[key], value) for key, value in model.state_dict().items())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())


def test_it_finds_no_less_than_pgd_and_can_be_swept(
    subject: Subject, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick(monkeypatch)
    weak = pgd(eps=0.03, step=0.0075)
    settings = {"rows": 12, "part": "test"}
    ours = Error(attack=weak, **settings).measure(subject).values["error"]  # type: ignore[arg-type]
    theirs = Robustness(attack=autoattack(eps=0.03), sizes=(0, 0.03), **settings)  # type: ignore[arg-type]
    found = theirs.measure(subject).values
    assert found["error"] >= ours
    assert found["error at 0"] == Error(**settings).measure(subject).values["error"]  # type: ignore[arg-type]
    assert found["weaker_than_fgsm"] == 0


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave the two searches that need thousands of passes out of the standard version."""
    whole = AutoAttack._search_in

    def shorter(self: AutoAttack, *args: object) -> object:
        search = whole(self, *args)  # type: ignore[arg-type]
        search.attacks_to_run = ["apgd-ce", "fab-t"]
        search.apgd.n_iter = search.fab.n_iter = 10
        search.fab.n_target_classes = 2
        return search

    monkeypatch.setattr(AutoAttack, "_search_in", shorter)


def test_a_recipe_names_it() -> None:
    made = door.make("mixup_multi.attacks", {"name": "autoattack", "eps": "4/255"})
    assert made == AutoAttack(4 / 255, 0.0)


def test_what_it_cannot_attack_is_refused(subject: Subject) -> None:
    batch, model, attack = batch_of(subject), subject.model, autoattack()

    def said(batch: Batch, bounds: Bounds | None) -> None:
        attack.perturb(model, batch, bounds, 0, Softmax())

    with pytest.raises(SettingError, match="4 classes or more, and these targets have 3"):
        said(replace(batch, targets=batch.targets[:, :3]), PIXELS)
    with pytest.raises(SettingError, match="one label an example"):
        said(replace(batch, targets=torch.ones_like(batch.targets)), PIXELS)
    with pytest.raises(SettingError, match="whose entries all have one range"):
        said(batch, Bounds(torch.ones(())))
    with pytest.raises(SettingError, match="whose entries all have one range"):
        said(replace(batch, inputs=batch.inputs.flatten(1)), PIXELS)
    with pytest.raises(PointError, match="expected a hidden point"):
        said(batch, None)
    with pytest.raises(SettingError, match="expected pgd"):
        attack.climb(model, batch, PIXELS, torch.Generator(), lambda x: x[:, 0])


def test_without_its_package_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyautoattack", None)
    with pytest.raises(SettingError, match=r"pip install 'mixup-multi\[autoattack\]'"):
        autoattack().check(torch.nn.Linear(2, 2), PIXELS)
