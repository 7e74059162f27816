"""Every corruption and deformation keeps the contract of `mixup_multi.testing`, and what is ours.

They are those of every adapter's embedded data sets.
"""

from __future__ import annotations

from typing import Any

import pytest
import torch
from contracts import each_rule, hold

from mixup_multi import door
from mixup_multi.engine.source import Source
from mixup_multi.errors import SettingError
from mixup_multi.testing import Rule
from mixup_multi.testing.compare import same_bits, tensors_of
from mixup_multi.testing.offers import DataCase, offer_of
from mixup_multi.testing.shift_case import ShiftCase, shift_cases

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


def case_of(adapter: str, name: str) -> DataCase:
    return offer_of(adapter, None, {name: EMBEDDED[adapter, name]}).datasets[name]


CASES = {key: case_of(*key) for key in EMBEDDED}
SHIFTS = [shift for case in CASES.values() for shift in shift_cases(case)]


def read(source: Source, index: list[int]) -> list[torch.Tensor]:
    return tensors_of(source.gather(torch.tensor(index)).inputs)


def test_every_adapter_offers_some() -> None:
    assert {adapter for adapter, _ in EMBEDDED} == set(door.names(door.ADAPTERS))
    assert all(case.data.shifts.made for case in CASES.values())


@each_rule("shift", SHIFTS)
def test_a_shift_keeps_its_contract(case: ShiftCase, rule: Rule) -> None:
    hold(case, rule)


@pytest.mark.parametrize(
    ("key", "shift"), [(key, name) for key, case in CASES.items() for name in case.data.shifts.made]
)
def test_another_seed_moves_what_draws(key: tuple[str, str], shift: str) -> None:
    data = CASES[key].data
    found = data.shifts.made[shift]
    try:
        found.check(data.test)
    except SettingError as error:
        pytest.skip(str(error))
    everything = list(range(len(data.test)))
    one, other = (read(found.of(data.test, 3, seed), everything) for seed in (7, 8))
    assert all(map(same_bits, one, other)) == (shift in UNMOVED_BY_SEED)


def test_a_seed_and_a_severity_have_draws_of_their_own() -> None:
    data = CASES["tabular", "sklearn_wine"].data
    found = data.shifts.made["noise"]
    clean = read(data.test, [0])[0]
    first, second = (read(found.of(data.test, s, 0), [0])[0] - clean for s in (1, 2))
    assert not torch.allclose(first * 2, second)
