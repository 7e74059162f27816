"""The peak of memory is what a big tensor takes, and it is forgotten when asked to be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mixup_multi.engine import peak_memory
from mixup_multi.engine.peak_memory import Peak, forget_peak, peak

MIB = 2**20
DEVICES = [
    torch.device("cpu"),
    pytest.param(
        torch.device("cuda"),
        marks=pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU"),
    ),
]


def _seen(device: torch.device) -> Peak:
    found = peak(device)
    if found is None:
        pytest.skip("this system does not tell")
    return found


@pytest.mark.parametrize("device", DEVICES, ids=str)
def test_a_big_tensor_is_seen_and_forgotten(device: torch.device) -> None:
    forget_peak(device)
    before = _seen(device)
    if "since the cell" not in before.of:
        pytest.skip("this process may not reset its peak")
    big = torch.ones(64 * MIB, dtype=torch.uint8, device=device)
    with_it = _seen(device)
    assert with_it.bytes - before.bytes > 60 * MIB
    del big
    assert _seen(device).bytes > with_it.bytes - 4 * MIB  # the kernel counts pages in batches
    forget_peak(device)
    assert with_it.bytes - _seen(device).bytes > 50 * MIB


def test_where_a_peak_cannot_be_forgotten_it_is_said_to_be_the_processes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(peak_memory, "_REFS", tmp_path / "none" / "clear_refs")
    forget_peak(torch.device("cpu"))
    found = _seen(torch.device("cpu"))
    assert found.of == "the whole process's resident memory, since the process began"
    assert found.bytes > 20 * MIB
