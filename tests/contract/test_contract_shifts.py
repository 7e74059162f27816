"""What every corruption and deformation of every adapter keeps to, on its embedded data sets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch

from mixup_multi import door
from mixup_multi.engine.shift import SEVERITIES, Shift
from mixup_multi.engine.source import Data, Source, Trial
from mixup_multi.errors import SettingError
from mixup_multi.tree import leaves

EMBEDDED: dict[tuple[str, str], dict[str, Any]] = {
    ("images", "digits"): {},
    ("tabular", "sklearn_wine"): {},
    ("speech", "tones"): {"speakers": 6},
    ("graphs", "motifs"): {"graphs": 64},
}
UNMOVED_BY_SEED = {
    *("defocus_blur", "zoom_blur", "gaussian_blur", "brightness", "contrast", "pixelate"),
    *("jpeg_compression", "clipping", "gain"),
}
"""Those in which nothing is drawn."""
STEADY = {"clipping", "gain"}


@cache
def data_of(adapter: str, name: str) -> Data:
    factory = door.load_adapter(adapter).datasets[name].load
    settings = door.check_settings(factory, EMBEDDED[adapter, name])
    data: Data = door.build(factory, Path("nowhere"), Trial(), settings=settings)
    return data


def _offered() -> Iterator[tuple[str, str, str]]:
    for adapter, name in EMBEDDED:
        for shift in data_of(adapter, name).shifts.made:
            yield adapter, name, shift


def shift_of(adapter: str, name: str, shift: str) -> tuple[Source, Shift]:
    data = data_of(adapter, name)
    found = data.shifts.made[shift]
    try:
        found.check(data.test)
    except SettingError as error:
        pytest.skip(str(error))
    return data.test, found


def tensors(inputs: Any) -> list[torch.Tensor]:
    try:
        return list(leaves(inputs))
    except TypeError:
        values = [getattr(inputs, field.name) for field in dataclasses.fields(inputs)]
        return [value for value in values if isinstance(value, torch.Tensor)]


def read(source: Source, index: list[int]) -> list[torch.Tensor]:
    return tensors(source.gather(torch.tensor(index)).inputs)


def equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> bool:
    return all(a.shape == b.shape and torch.equal(a, b) for a, b in zip(one, other, strict=True))


def test_every_adapter_offers_some() -> None:
    assert {adapter for adapter, _ in EMBEDDED} == set(door.names(door.ADAPTERS))
    assert all(data_of(*key).shifts.made for key in EMBEDDED)


@pytest.mark.parametrize(("adapter", "name", "shift"), list(_offered()))
def test_a_corruption_keeps_ids_labels_and_form(adapter: str, name: str, shift: str) -> None:
    source, found = shift_of(adapter, name, shift)
    assert found.of(source, 0, 0) is source
    clean = source.gather(torch.tensor([3, 0, 4]))
    for severity in SEVERITIES:
        new = found.of(source, severity, 0)
        assert list(new.ids) == list(source.ids)
        assert torch.equal(new.labels, source.labels)
        assert len(new) == len(source)
        batch = new.gather(torch.tensor([3, 0, 4]))
        assert torch.equal(batch.targets, clean.targets)
        assert batch.rows is not None
        assert batch.rows.tolist() == [3, 0, 4]
        for one, other in zip(tensors(batch.inputs), tensors(clean.inputs), strict=True):
            assert one.dtype == other.dtype
            assert one.shape[1:] == other.shape[1:] or adapter == "graphs"
            assert not one.is_floating_point() or one.isfinite().all()


@pytest.mark.parametrize(("adapter", "name", "shift"), list(_offered()))
def test_what_is_drawn_is_drawn_for_each_example(adapter: str, name: str, shift: str) -> None:
    source, found = shift_of(adapter, name, shift)
    new = found.of(source, 3, 7)
    whole = read(new, [5, 1, 2, 0])
    assert equal(whole, read(found.of(source, 3, 7), [5, 1, 2, 0]))
    assert not equal(whole, read(source, [5, 1, 2, 0]))
    if adapter == "graphs":
        alone = [new.gather(torch.tensor([row])).inputs.x for row in (5, 1, 2, 0)]
        assert torch.equal(torch.cat(alone), new.gather(torch.tensor([5, 1, 2, 0])).inputs.x)
    else:
        for place, row in enumerate((5, 1, 2, 0)):
            for one, other in zip(whole, read(new, [row]), strict=True):
                # A convolution sums in another order for another batch.
                torch.testing.assert_close(one[place], other[0], atol=0.02, rtol=0)
    everything = list(range(len(source)))
    moved = not equal(read(new, everything), read(found.of(source, 3, 8), everything))
    assert moved == (shift not in UNMOVED_BY_SEED)


def test_a_seed_and_a_severity_have_draws_of_their_own() -> None:
    source, found = shift_of("tabular", "sklearn_wine", "noise")
    clean = read(source, [0])[0]
    first, second = (read(found.of(source, s, 0), [0])[0] - clean for s in (1, 2))
    assert not torch.allclose(first * 2, second)
