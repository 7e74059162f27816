"""Several processes with a `Method`: points through DistributedDataParallel, draws of their own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import method_ranks
import pytest
import torch
from rank_jobs import free_port
from torch import multiprocessing, nn

from mixup_multi.integrations import Method

Said = list[dict[str, Any]]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Said:
    out: Path = tmp_path_factory.mktemp("ranks")
    multiprocessing.spawn(method_ranks.train, (free_port(), out), nprocs=method_ranks.SIZE)
    return [torch.load(out / f"{rank}.pt") for rank in range(method_ranks.SIZE)]


@pytest.mark.parametrize("name", method_ranks.METHODS)
def test_all_processes_end_with_the_same_weights(trained: Said, name: str) -> None:
    first, second = (said[name]["model"] for said in trained)
    assert all(torch.equal(first[key], second[key]) for key in first)


@pytest.mark.parametrize("name", method_ranks.METHODS)
def test_rank_0s_state_resumes_every_process(trained: Said, name: str) -> None:
    for said in trained:
        assert said[name]["resumed"] == said[name]["losses"][method_ranks.STEPS // 2 :]


def test_rank_0_draws_as_one_process_does_and_the_others_for_themselves(
    trained: Said, monkeypatch: pytest.MonkeyPatch
) -> None:
    def first(rank: str, part: slice) -> float:
        monkeypatch.setenv("RANK", rank)  # as torchrun sets it
        method = Method("mixup", classes=3, seed=5, points="2")
        return method_ranks.steps(method, method_ranks.network(), part, 1)[0]

    parts = slice(0, 6), slice(6, 12)
    assert trained[0]["mixup"]["losses"][0] == first("0", parts[0])
    assert trained[1]["mixup"]["losses"][0] == first("1", parts[1])
    assert first("0", parts[1]) != first("1", parts[1])


def test_plain_training_of_both_is_that_of_one_process(trained: Said) -> None:
    """The mean of the processes' gradients is that of the whole batch."""
    model: nn.Module = method_ranks.network()
    method_ranks.steps(Method("erm", classes=3), model, slice(0, 12), method_ranks.STEPS)
    torch.testing.assert_close(
        trained[0]["erm"]["model"], dict(model.state_dict()), rtol=1e-12, atol=1e-12
    )
