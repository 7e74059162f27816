"""Streams: equal seeds give equal bits, different names have nothing to do with each other."""

from __future__ import annotations

import doctest
import importlib
from itertools import product

import pytest
import torch

from mixup_multi.streams import NAMES, seed_of, stream, streams


def test_equal_seeds_give_equal_bits():
    for name in NAMES:
        first, second = stream(7, name), stream(7, name)
        assert torch.equal(torch.rand(100, generator=first), torch.rand(100, generator=second))


def test_seeds_of_names_and_numbers_are_all_different_and_legal():
    seeds = {seed_of(number, name) for number, name in product(range(200), NAMES)}
    assert len(seeds) == 200 * len(NAMES)
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_a_stream_does_not_change_between_releases():
    """Else a stored seed would no longer reproduce its run."""
    assert seed_of(0, "mix") == int.from_bytes(bytes.fromhex(SHA256_OF_0_MIX[:16]), "big") // 2


SHA256_OF_0_MIX = "7fbf3c18a66262e98edbc7d81a5020497a69d92b5efd593955bff640cf516f44"
"""`printf 0/mix | sha256sum`"""


@pytest.mark.parametrize("other", [(0, "order"), (1, "mix")])
def test_streams_are_uncorrelated(other):
    n = 20_000
    first = torch.rand(n, generator=stream(0, "mix"), dtype=torch.float64)
    second = torch.rand(n, generator=stream(*other), dtype=torch.float64)
    correlation = torch.corrcoef(torch.stack([first, second]))[0, 1]
    assert abs(correlation) < 5 / n**0.5


def test_drawing_from_one_stream_leaves_the_others_alone():
    used, fresh = streams(3), streams(3)
    assert set(used) == set(NAMES)
    torch.rand(1000, generator=used["mix"])
    for name in set(NAMES) - {"mix"}:
        assert torch.equal(used[name].get_state(), fresh[name].get_state())
    assert not torch.equal(used["mix"].get_state(), fresh["mix"].get_state())


@pytest.mark.parametrize("module", ["errors", "batch", "points"])
def test_the_examples_in_docstrings_are_true(module):
    failed, tried = doctest.testmod(importlib.import_module(f"mixup_multi.{module}"))
    assert tried
    assert not failed
