"""The error under attack and behind predictors, against what is computed by hand."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mixup_multi import door
from mixup_multi.attacks import Attack
from mixup_multi.bounds import Bounds
from mixup_multi.engine.source import Data, Trial
from mixup_multi.errors import PointError, SettingError
from mixup_multi.evaluations import Error, Subject
from mixup_multi.objectives.losses import Softmax
from mixup_multi.predict import Plain
from mixup_multi.predict.presets import mi_ol, mi_pl

ADAPTER = door.load_adapter("tabular")


@pytest.fixture(scope="module")
def subject() -> Subject:
    """A small network on Iris, trained by full-batch steps."""
    data: Data = ADAPTER.datasets["sklearn_iris"].load(Path(), Trial(), validation=0.2)
    torch.manual_seed(0)
    model = ADAPTER.models["mlp"](data, widths=(16,))
    batch = data.train.gather(torch.arange(len(data.train)))
    optimizer = torch.optim.Adam(model.parameters(), 0.03)
    for _ in range(60):
        optimizer.zero_grad()
        Softmax().value(model(batch.inputs), batch.targets).mean().backward()
        optimizer.step()
    return Subject(lambda: model.eval(), data, Softmax(), torch.device("cpu"))


def by_hand(subject: Subject, part: str = "test") -> float:
    source = getattr(subject.data, part)
    batch = source.gather(torch.arange(len(source)))
    wrong = subject.model(batch.inputs).argmax(1) != batch.targets.argmax(1)
    return 100 * wrong.double().mean().item()


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_the_plain_error_is_that_of_all_rows(subject: Subject, part: str) -> None:
    measured = Error(part=part, batch_size=7).measure(subject).values  # type: ignore[arg-type]
    assert measured["error"] == pytest.approx(by_hand(subject, part))
    assert measured["rows"] == len(subject.part(part))  # type: ignore[arg-type]


def test_an_attack_of_no_size_changes_nothing_and_a_large_one_much(subject: Subject) -> None:
    plain = Error().measure(subject).values["error"]
    errors = [
        Error(attack=Attack(eps, eps / 4, 10, point="hidden1")).measure(subject).values["error"]
        for eps in (0.0, 0.2, 1.0, 3.0)
    ]
    assert errors[0] == plain
    assert errors == sorted(errors)
    assert errors[-1] > plain + 40


def test_nothing_of_the_model_changes(subject: Subject) -> None:
    before = copy.deepcopy(subject.model.state_dict())
    state = torch.get_rng_state()
    Error(attack=Attack(0.5, 0.1, 3, point="hidden1")).measure(subject)
    after = subject.model.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert all(p.grad is None or p.grad.isfinite().all() for p in subject.model.parameters())
    assert not subject.model.training
    assert torch.equal(state, torch.get_rng_state())


def test_rows_are_a_fixed_choice(subject: Subject) -> None:
    first, again = (Error(rows=11, seed=3).measure(subject).values for _ in range(2))
    assert first == again
    assert first["rows"] == 11
    index = [b.rows for b in subject.batches("test", 11, 4, 3)]
    assert [len(some) for some in index if some is not None] == [4, 4, 3]
    rows = torch.cat([some for some in index if some is not None])
    assert torch.equal(rows, rows.unique())
    others = torch.cat([b.rows for b in subject.batches("test", 11, 4, 4)])  # type: ignore[misc]
    assert not torch.equal(rows, others)
    assert Error(rows=10_000).measure(subject).values["rows"] == len(subject.data.test)


def test_a_stronger_search_is_no_weaker(subject: Subject) -> None:
    def error(**changes: object) -> float:
        attack = replace(Attack(0.6, 0.15, 1, point="hidden1"), **changes)  # type: ignore[arg-type]
        return Error(attack=attack).measure(subject).values["error"]

    assert error(steps=20) >= error(steps=1)
    assert error(steps=5, restarts=4) >= error(steps=5) - 1e-9


def test_what_cannot_be_asked_is_refused(subject: Subject) -> None:
    bare = replace(subject, data=replace(subject.data, validation=None))
    with pytest.raises(SettingError, match="no part 'validation': expected one of test, train"):
        Error(part="validation").check(bare)
    with pytest.raises(PointError, match="'hiden1'.*did you mean 'hidden1'"):
        Error(attack=Attack(0.1, 0.1, point="hiden1")).check(subject)
    unbounded = replace(subject.data.train, bounds=None)  # type: ignore[type-var]
    lost = replace(subject, data=replace(subject.data, train=unbounded))
    with pytest.raises(PointError, match=r"expected a hidden point \(hidden1\)"):
        Error(attack=Attack(0.1, 0.1)).check(lost)
    with pytest.raises(PointError, match="expected a hidden point"):
        Error(attack=Attack(0.1, 0.1)).measure(lost)
    with pytest.raises(SettingError, match="rows is 0: expected 1 or more"):
        Error(rows=0)
    with pytest.raises(SettingError, match="expected both an attack and a predictor"):
        Error(adaptive=True)


def test_a_predictor_of_one_plain_pass_is_the_model(subject: Subject) -> None:
    attack = Attack(0.5, 0.1, 5)
    bounded = with_bounds(subject)
    plain = Error(attack=attack).measure(bounded)
    assert Error(attack=attack, predictor=Plain()).measure(bounded) == plain
    assert Error(attack=attack, predictor=Plain(), adaptive=True).measure(bounded) == plain


def test_an_adaptive_attack_is_no_weaker_than_one_that_knows_nothing(subject: Subject) -> None:
    bounded, attack = with_bounds(subject), Attack(0.6, 0.1, 20)
    predictor = mi_ol(pool=60, samples=10)
    clean = Error(predictor=predictor).measure(bounded).values["error"]
    blind = Error(predictor=predictor, attack=attack).measure(bounded).values["error"]
    knowing = Error(predictor=predictor, attack=attack, adaptive=True).measure(bounded)
    assert knowing.values["error"] >= blind >= clean
    with pytest.raises(SettingError, match="expected the model's first point, 'input'"):
        Error(predictor=predictor, attack=Attack(0.1, 0.1, point="hidden1")).check(bounded)
    with pytest.raises(SettingError, match="pool is 10000, but the training part has 90 rows"):
        Error(predictor=mi_ol()).check(bounded)


def with_bounds(subject: Subject) -> Subject:
    source = replace(subject.data.train, bounds=Bounds(torch.ones(4)))  # type: ignore[type-var]
    return replace(subject, data=replace(subject.data, train=source))


def test_an_attack_in_train_mode_depends_on_its_seed_alone(subject: Subject) -> None:
    torch.manual_seed(0)
    dropping = ADAPTER.models["mlp"](subject.data, widths=(16,), dropout=0.5).eval()
    unsteady = replace(subject, load=lambda: dropping)
    asked = Error(attack=Attack(0.6, 0.2, 3, point="hidden1", mode="train"))
    errors = []
    for global_seed in (1, 2):
        torch.manual_seed(global_seed)
        state = torch.get_rng_state()
        errors.append(asked.measure(replace(unsteady)).values["error"])
        assert torch.equal(state, torch.get_rng_state())
    assert errors[0] == errors[1]


def test_an_example_of_the_training_part_is_none_of_its_own_samples(subject: Subject) -> None:
    """At share 0 a prediction is that of the sample, so an example that met itself shows."""
    source = subject.data.train
    kept = torch.cat([(source.labels == c).nonzero()[:2, 0] for c in range(3)])
    few = replace(
        source, inputs=source.inputs[kept], labels=source.labels[kept], ids=list("abcdef")
    )
    lone = replace(subject, data=replace(subject.data, train=few))
    asked: list[torch.Tensor] = []

    class Spy(torch.nn.Module):
        points = ("input",)

        def forward(self, inputs, edits=None):
            inputs = edits["input"](inputs) if edits else inputs
            asked.append(inputs)
            return subject.model(inputs)

    spying = replace(lone, load=Spy)
    Error(part="train", predictor=mi_pl(share=0.0, samples=4, pool=None), batch_size=6).measure(
        spying
    )
    mixed = asked[-1].reshape(-1, 6, 4)
    assert not (mixed == few.inputs).all(-1).any()
