"""What every installed adapter, embedded data set and model keeps; the list is the entry points'.

The embedded data sets stand for the others here: each loader's own tests hold it to real files.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch

from mixup_multi import door
from mixup_multi.batch import Batch
from mixup_multi.engine.source import Data, Dataset, TensorSource, Trial
from mixup_multi.engine.training import Training
from mixup_multi.errors import PointError, SettingError
from mixup_multi.objectives import Objective
from mixup_multi.points import HasPoints
from mixup_multi.tree import leaves, tree_map

ADAPTERS = door.names(door.ADAPTERS)


def _embedded() -> Iterator[tuple[str, str]]:
    for adapter in ADAPTERS:
        for name, dataset in door.load_adapter(adapter).datasets.items():
            if dataset.fetch is None and not dataset.size:
                yield adapter, name


def _models() -> Iterator[tuple[str, str]]:
    for adapter in ADAPTERS:
        yield from ((adapter, name) for name in door.load_adapter(adapter).models)


EMBEDDED = list(_embedded())


@cache
def load(adapter: str, name: str, seed: int = 0) -> Data:
    """Load a data set from a root that does not exist: embedded data needs none."""
    factory = door.load_adapter(adapter).datasets[name].load
    settings = door.check_settings(factory, {})
    data: Data = door.build(factory, Path("nowhere"), Trial(seed), settings=settings)
    return data


def tensors(inputs: Any) -> list[torch.Tensor]:
    """Return the tensors of a tree, or the fields of a modality's own dataclass."""
    try:
        return list(leaves(inputs))
    except TypeError:
        values = [getattr(inputs, field.name) for field in dataclasses.fields(inputs)]
        return [value for value in values if isinstance(value, torch.Tensor)]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_an_adapter_describes_what_it_offers(adapter: str) -> None:
    found = door.load_adapter(adapter)
    assert found.models
    assert (type(found).__doc__ or "").strip()
    for name, dataset in found.datasets.items():
        assert isinstance(dataset, Dataset)
        assert dataset.summary, name
        assert (dataset.fetch is None) or dataset.folder, name
        door.settings_model(dataset.load)
    for name, factory in found.models.items():
        assert factory.__doc__, name
        door.check_settings(factory, {})


def test_every_adapter_has_an_embedded_data_set() -> None:
    assert {adapter for adapter, _ in EMBEDDED} == set(ADAPTERS)


@pytest.mark.parametrize(("adapter", "name"), EMBEDDED)
def test_a_data_sets_parts_are_disjoint_and_their_targets_what_the_loss_expects(
    adapter: str, name: str
) -> None:
    data = load(adapter, name)
    parts = [part for part in (data.train, data.validation, data.test) if part is not None]
    ids = [example for part in parts for example in part.ids]
    assert len(set(ids)) == len(ids) == sum(len(part) for part in parts)
    for part in parts:
        batch = part.gather(torch.tensor([0, len(part) - 1, 0]))
        assert batch.targets.shape == (3, len(data.classes))
        if data.loss == "softmax":
            torch.testing.assert_close(batch.targets.sum(1), torch.ones(3))
        assert all(torch.isfinite(leaf).all() for leaf in tensors(batch.inputs))
    trained_on = data.train.gather(torch.arange(len(data.train))).targets
    if data.loss == "squared":
        torch.testing.assert_close(trained_on.mean(0), torch.zeros(1), atol=1e-6, rtol=0)
        torch.testing.assert_close(trained_on.std(0, correction=0), torch.ones(1))
    else:
        assert (trained_on.sum(0) > 0).all()


@pytest.mark.parametrize(("adapter", "name"), EMBEDDED)
def test_equal_seeds_load_and_gather_equal_bits(adapter: str, name: str) -> None:
    load.cache_clear()
    first = load(adapter, name)
    load.cache_clear()
    second = load(adapter, name)
    assert first.key == second.key
    assert list(first.train.ids) == list(second.train.ids)
    index = torch.tensor([5, 0, 3])
    for seed in (None, 0):
        a, b = (
            data.train.gather(index, None if seed is None else torch.Generator().manual_seed(seed))
            for data in (first, second)
        )
        assert all(map(torch.equal, tensors(a.inputs), tensors(b.inputs)))
        assert torch.equal(a.targets, b.targets)


@pytest.mark.parametrize(("adapter", "name"), EMBEDDED)
def test_gathering_leaves_the_stored_examples_alone(adapter: str, name: str) -> None:
    data = load(adapter, name)
    index = torch.arange(4)
    before = [leaf.clone() for leaf in tensors(data.train.gather(index).inputs)]
    for leaf in tensors(data.train.gather(index, torch.Generator().manual_seed(1)).inputs):
        leaf.zero_()
    assert all(map(torch.equal, before, tensors(data.train.gather(index).inputs)))


@pytest.mark.parametrize(("adapter", "name"), list(_models()))
def test_a_model_keeps_the_contract_of_points(adapter: str, name: str) -> None:
    data = load(*next(item for item in EMBEDDED if item[0] == adapter))
    torch.manual_seed(0)
    factory = door.load_adapter(adapter).models[name]
    model = door.build(factory, data, settings=door.check_settings(factory, {})).eval()
    assert isinstance(model, HasPoints)
    assert model.points
    inputs = data.train.gather(torch.arange(3)).inputs
    with torch.no_grad():
        plain = model(inputs)
        assert plain.shape == (3, len(data.classes))
        reached: list[str] = []

        def passing(point: str, flow: Any) -> Any:
            reached.append(point)
            return flow

        edits = {point: partial(passing, point) for point in model.points}
        assert torch.equal(model(inputs, edits=edits), plain)
    assert sorted(reached) == sorted(model.points)
    with pytest.raises(PointError, match="does not offer"):
        model(inputs, edits={"nowhere": lambda flow: flow})


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
    model = door.build(factory, data, settings=door.check_settings(factory, {}))
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
