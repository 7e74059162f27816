"""Several processes train one model: the gradient of the whole batch, and draws of their own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import rank_jobs
import torch
from cohort_jobs import alone
from torch import multiprocessing
from torch.testing import assert_close

from mixup_multi.engine.ranks import ALONE, Ranks, pieces
from mixup_multi.streams import streams

Said = dict[str, list[dict[str, Any]]]


def _train(work: Callable[..., None], names: list[str], out: Path) -> Said:
    """Return what each of two processes keeps of each job."""
    pytest.importorskip("lightning_fabric", reason="the extra `fabric` is not installed")
    ports = {name: rank_jobs.free_port() for name in names}
    multiprocessing.spawn(work, (ports, out), nprocs=rank_jobs.SIZE)
    ranks = range(rank_jobs.SIZE)
    return {name: [torch.load(out / f"{name}.{rank}") for rank in ranks] for name in names}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Said:
    out = tmp_path_factory.mktemp("ranks")
    return _train(rank_jobs.train_named, list(rank_jobs.JOBS), out)


@pytest.mark.parametrize("name", ["erm", "erm in micro-batches"])
def test_two_processes_are_one_with_the_same_global_batch(trained: Said, name: str) -> None:
    apart = alone(rank_jobs.JOBS[name])
    together = trained[name][0]
    assert_close(together["model"], apart.model.state_dict(), rtol=1e-9, atol=1e-9)
    for ours, theirs in zip(together["history"], apart.history, strict=True):
        assert ours.keys() == theirs.keys()
        for key in ours.keys() - {"seconds"}:
            limit = 1e-5 if key.startswith("validation") else 1e-9  # its logits are in float32
            assert ours[key] == pytest.approx(theirs[key], rel=limit), key


@pytest.mark.parametrize("name", rank_jobs.JOBS)
def test_all_processes_end_with_the_same_bits(trained: Said, name: str) -> None:
    first, second = (said["model"] for said in trained[name])
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert all(bool(torch.isfinite(value).all()) for value in first.values())


def test_draws_differ_between_processes_and_hold_with_the_seed(trained: Said) -> None:
    once, again = (trained[name][0]["model"] for name in ("mixup", "mixup again"))
    assert all(torch.equal(once[key], again[key]) for key in once)
    own, other = streams(7), streams(7)
    Ranks(0, 2).reseed(7, 0, own)
    Ranks(1, 2).reseed(7, 0, other)
    for name in ("mix", "augment"):
        assert not torch.equal(own[name].get_state(), other[name].get_state())
    assert torch.equal(own["order"].get_state(), other["order"].get_state())


def test_only_rank_0_evaluates(trained: Said) -> None:
    first, second = (said["history"][-1] for said in trained["erm"])
    assert first.keys() - second.keys() == {"validation_error", "validation_loss"}
    assert second["train_loss"] == first["train_loss"]


def test_resumed_equals_uninterrupted_bit_for_bit(tmp_path: Path) -> None:
    said = _train(rank_jobs.train_resumed, ["whole", "first", "resumed"], tmp_path)
    whole, resumed = said["whole"][0], said["resumed"][0]
    assert [record["epoch"] for record in resumed["history"]] == [3, 4]
    assert all(torch.equal(whole["model"][key], resumed["model"][key]) for key in whole["model"])


@pytest.mark.parametrize(("rows", "accumulate", "size"), [(16, 1, 1), (17, 3, 2), (21, 4, 4)])
def test_pieces_hold_each_row_once_with_its_share(rows: int, accumulate: int, size: int) -> None:
    index = torch.randperm(rows)
    found = [pieces(index, accumulate, Ranks(rank, size)) for rank in range(size)]
    assert len({len(own) for own in found}) == 1  # or they would wait for each other
    flat = [piece for own in found for piece in own]
    assert torch.equal(torch.cat([piece.rows for piece in flat]), index)
    assert min(len(piece.rows) for piece in flat) >= 2
    assert [piece.share for piece in flat] == [len(piece.rows) / rows for piece in flat]


def test_a_batch_that_is_too_small_is_everyones() -> None:
    index = torch.arange(5)
    (piece,) = pieces(index, 2, Ranks(2, 4))
    assert torch.equal(piece.rows, index)
    assert piece.share == 1 / 4
    assert pieces(torch.arange(1), 4, ALONE)[0].share == 1
