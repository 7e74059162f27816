"""Dominant mixup keeps the contract of a method, and the identity that defines it."""

from __future__ import annotations

import torch
from dominant import dominant

from mixup_multi.streams import stream
from mixup_multi.testing import check_objective


def test_it_keeps_the_contract() -> None:
    """A report with no check would say nothing, so it is looked at."""
    assert len(check_objective(dominant, settings={"alpha": 0.4}).passed) > 20


def test_a_row_outweighs_its_partner() -> None:
    """The share is at least one half, which is what tells the method from mixup."""
    method, targets = dominant(alpha=0.4), torch.eye(3)
    shares = [method.draw(targets, stream(seed, "mix")).mix.own for seed in range(99)]
    assert torch.cat(shares).min() >= 0.5
