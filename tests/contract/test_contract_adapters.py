"""Every installed adapter keeps the contract of `mixup_multi.testing`, and every method trains.

The embedded data sets stand for the others here: each loader's own tests hold it to real files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from contracts import each_rule, hold

from mixup_multi import door
from mixup_multi.batch import Batch
from mixup_multi.engine.source import Data, TensorSource, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives import Objective
from mixup_multi.testing import Rule, rules
from mixup_multi.testing.offers import DataCase, ModelCase, Offer, offer_of
from mixup_multi.tree import tree_map

ADAPTERS = door.names(door.ADAPTERS)


def _embedded() -> Iterator[tuple[str, str]]:
    for adapter in ADAPTERS:
        for name, dataset in door.load_adapter(adapter).datasets.items():
            if dataset.fetch is None and not dataset.size:
                yield adapter, name


EMBEDDED = list(_embedded())


SMALLER: dict[str, dict[str, dict[str, Any]]] = {
    "speech": {
        "tones": {"speakers": 6},
        **{name: {"width": 0.1} for name in ("lenet", "vgg11", "vgg13")},
    },
    "images": {
        **{f"preact_resnet{depth}": {"width": 8} for depth in (18, 34, 50, 101, 152)},
        "wide_resnet": {"widen": 1},
    },
    "tabular": {"random_forest": {"trees": 20}},
}
"""Settings of what takes long at its defaults."""
OFFERS = [offer_of(name, None, SMALLER.get(name)) for name in ADAPTERS]


@each_rule("adapter", OFFERS)
def test_an_adapter_keeps_its_contract(case: Offer, rule: Rule) -> None:
    hold(case, rule)


@each_rule("dataset", [d for offer in OFFERS for d in offer.datasets.values() if d.embedded])
def test_an_embedded_data_set_keeps_its_contract(case: DataCase, rule: Rule) -> None:
    hold(case, rule)


@pytest.mark.parametrize("offer", OFFERS, ids=ADAPTERS)
def test_data_sets_that_need_files_are_listed_with_settings(offer: Offer) -> None:
    for case in offer.datasets.values():
        for rule in rules("dataset")[:2]:
            assert rule.hold(case).status == "passed"


LARGE = "wrn_28_10"
"""It has no width to set, and is `wide_resnet` at its defaults, which is held to every rule."""


@each_rule("model", [one for offer in OFFERS for one in offer.models if one.label != LARGE])
def test_a_model_keeps_its_contract(case: ModelCase, rule: Rule) -> None:
    hold(case, rule)


def test_a_large_model_keeps_the_contract_of_points() -> None:
    (case,) = (one for offer in OFFERS for one in offer.models if one.label == LARGE)
    for rule in rules("model"):
        if rule.name in {"it_is_built", "it_returns_logits", "it_offers_points", "edits_run_once"}:
            assert rule.hold(case).status == "passed"


@cache
def load(adapter: str, name: str, seed: int = 0) -> Data:
    """Load a data set from a root that does not exist: embedded data needs none."""
    factory = door.load_adapter(adapter).datasets[name].load
    settings = door.check_settings(factory, {})
    data: Data = door.build(factory, Path("nowhere"), Trial(seed), settings=settings)
    return data


def test_every_adapter_has_an_embedded_data_set() -> None:
    assert {adapter for adapter, _ in EMBEDDED} == set(ADAPTERS)


CODEC = {"name": "mmd_vae", "latent": 2, "width": 2, "epochs": 1}
NEEDED = {
    "varmixup": {"codec": CODEC},
    "mixup_r": {"codec": CODEC},
    "adv_varmixup": {"codec": {**CODEC, "attack": {"name": "fgsm", "eps": 0.01}}},
}
"""Settings that have no default."""


def few(data: Data) -> Data:
    """Return the data with 24 training examples where they are tensors: a codec is soon fitted."""
    part = data.train
    if not isinstance(part, TensorSource):
        return data
    inputs = tree_map(lambda leaf: leaf[:24], part.inputs)
    first = dataclasses.replace(part, inputs=inputs, labels=part.labels[:24], ids=part.ids[:24])
    return dataclasses.replace(data, train=first)


def refused_codec(method: str, adapter: str, train: Training) -> str:
    """Return why a codec cannot be fitted for a method; empty where it can."""
    if "codec" in NEEDED.get(method, {}) and adapter == "graphs":
        return "have no decoder"
    if method == "adv_varmixup" and train.bounds() is None:
        return "what a legal perturbation is"
    return ""


def several_steps(objective: Objective, model: torch.nn.Module, batch: Batch) -> None:
    """Take steps enough for both methods of a switch to have had their turn."""
    for seed in range(9):
        objective(model, batch, torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("adapter", ADAPTERS)
@pytest.mark.parametrize("method", door.names(door.OBJECTIVES))
def test_every_method_trains_on_every_modality(adapter: str, method: str) -> None:
    data = load(*next(item for item in EMBEDDED if item[0] == adapter))
    smallest = {"images": "small_cnn", "speech": "lenet"}
    factory = door.load_adapter(adapter).models[
        smallest.get(adapter, next(iter(door.load_adapter(adapter).models)))
    ]
    torch.manual_seed(0)
    small = {"width": 0.1} if adapter == "speech" else {}
    model = door.build(factory, data, settings=door.check_settings(factory, small))
    settings = door.check_settings(door.load(door.OBJECTIVES, method), NEEDED.get(method, {}))
    unfitted, train = door.build_objective({"name": method, **settings}), Training(few(data))
    bounds = train.bounds()
    if method == "augmix" and (bounds is None or bounds.low is None or bounds.high is None):
        with pytest.raises(SettingError, match="which inputs are black and white"):
            unfitted.fit(train)
        return
    if refusal := refused_codec(method, adapter, train):
        with pytest.raises(PointError, match=refusal):
            unfitted.fit(train)
        return
    objective = unfitted.fit(train)
    objective.check(model)
    batch = data.train.gather(torch.arange(6))
    of_images = method in ("cutmix", "cutout", "switch", "augmix")
    if of_images and adapter not in ("images", "speech"):
        with pytest.raises(PointError, match=r"expected a tensor \(n, c, h, w\)"):
            several_steps(objective, model, batch)
        return
    terms = objective(model, batch, torch.Generator().manual_seed(0))
    terms.total.backward()
    gradients = [p.grad for p in model.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)
