"""What looks into a model, on each modality's own data: it changes nothing, and repeats itself."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from command_line import invoke
from trained import CASES, trained

from mixup_multi import door
from mixup_multi.attacks.presets import pgd
from mixup_multi.evaluations import (
    Evaluation,
    Flattening,
    InBetween,
    LinearProbe,
    LocalLinearity,
    Margins,
    Robustness,
)

Make = Callable[[str], Evaluation]
ALL: dict[str, Make] = {
    "robustness": lambda at: Robustness(
        attack=pgd(eps=1, step=0.3, steps=2, point=at), sizes=(0, "1/2"), rows=16
    ),
    "local_linearity": lambda at: LocalLinearity(eps=0.2, steps=3, point=at, rows=16),
    "in_between": lambda at: InBetween(pairs=16, shares=3, batch_size=9),
    "in_between, hidden": lambda at: InBetween(pairs=16, shares=3, point=at, label="nearest"),
    "flattening": lambda at: Flattening(rows=24),
    "linear_probe": lambda at: LinearProbe(rows=24),
    "margins": lambda at: Margins(point=at, rows=16),
}


@pytest.mark.parametrize("adapter", CASES)
@pytest.mark.parametrize("name", ALL)
def test_it_changes_nothing_and_repeats_itself(name: str, adapter: str) -> None:
    subject, asked = trained(adapter), ALL[name](CASES[adapter][-1])
    asked.check(subject)
    weights, state = copy.deepcopy(subject.model.state_dict()), torch.get_rng_state()
    first, again = asked.measure(subject), asked.measure(subject)
    assert first == again
    assert torch.equal(state, torch.get_rng_state())
    after = subject.model.state_dict()
    assert all(torch.equal(weights[key], after[key]) for key in weights)
    assert all(p.grad is None and p.requires_grad for p in subject.model.parameters())
    assert not any(module.training for module in subject.model.modules())
    assert all(math.isfinite(value) for value in first.values.values())
    for curve in first.curves.values():
        assert len(curve.x) == len(curve.y) > 1
        assert all(isinstance(value, float) for value in (*curve.x, *curve.y))


@pytest.mark.parametrize("adapter", CASES)
def test_batches_do_not_matter(adapter: str) -> None:
    """Attacks at hidden points measure in each batch's own unit, so they are left out here."""
    for name in ("in_between", "flattening", "linear_probe"):
        kind = door.load_maker(door.EVALUATIONS, name)
        few = {"pairs": 12, "shares": 3} if name == "in_between" else {"rows": 12}
        found = [kind(batch_size=size, **few).measure(trained(adapter)).values for size in (5, 12)]
        assert found[0] == pytest.approx(found[1], rel=1e-4, abs=1e-5)


RECIPE = """\
title: looked into
adapter: tabular
datasets: [sklearn_iris]
models: [{name: mlp, widths: [8]}]
methods: [erm]
train: {epochs: 2, batch_size: 32}
evaluate:
  - name: robustness
    attack: {name: pgd, point: hidden1, eps: 0.4, step: 0.1, steps: 2}
    sizes: [0, 1/2, 1]
  - {name: local_linearity, eps: 1/4, point: hidden1}
  - {name: in_between, pairs: 20, shares: 5, differing: true}
  - {name: flattening, centred: false}
  - {name: linear_probe, penalty: 0.1}
  - {name: margins, norm: linf, point: hidden1}
"""


def test_a_recipe_asks_for_all_of_them(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text(RECIPE)
    done = invoke("run", tmp_path / "recipe.yaml", "--out", tmp_path / "out")
    assert done.code == 0, done.out + done.err
    kept = [
        json.loads(path.read_text()) for path in tmp_path.glob("out/cells/*/evaluations/*.json")
    ]
    assert {one["name"] for one in kept} == {name.partition(",")[0] for name in ALL}
    headlines = {one["name"]: next(iter(one["values"])) for one in kept}
    assert headlines == {
        "robustness": "error",
        "local_linearity": "gamma",
        "in_between": "miss",
        "flattening": "rest hidden1",
        "linear_probe": "error hidden1",
        "margins": "median",
    }
    assert invoke("report", tmp_path / "out").code == 0
