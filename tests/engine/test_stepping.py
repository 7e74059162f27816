"""Micro-batches, mixed precision and compiled models: the same training, computed otherwise."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch
from cohort_jobs import METHODS, alone, assert_equal, job, mlp
from torch import Generator, Tensor
from torch.testing import assert_close

from mixup_multi.engine import loop
from mixup_multi.engine.cohort_likeness import aspects
from mixup_multi.engine.settings import Train
from mixup_multi.errors import SettingError
from mixup_multi.mix import BetaShare, Mix
from mixup_multi.objectives import MixupE, Vicinal
from mixup_multi.objectives.objective import Draw

needs_fabric = pytest.mark.skipif(
    find_spec("lightning_fabric") is None,
    reason="the extra `fabric` is not installed",
)
needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
needs_compiler = pytest.mark.skipif(
    shutil.which("g++") is None, reason="torch.compile needs a C++ compiler"
)


@dataclass(frozen=True)
class InBlocks(Vicinal):
    """Mixup whose draw of a batch is those of its blocks, one after the other."""

    blocks: int = 1

    def draw(self, targets: Tensor, generator: Generator) -> Draw:
        parts = torch.tensor_split(targets, max(1, min(self.blocks, len(targets) // 2)))
        mixes = [Vicinal.draw(self, part, generator).mix for part in parts]
        starts = [sum(len(part) for part in parts[:i]) for i in range(len(parts))]
        partner = torch.cat([mix.partner + at for mix, at in zip(mixes, starts, strict=True)])
        return Draw(Mix(partner, torch.cat([mix.own for mix in mixes])))


@pytest.mark.parametrize("pieces", [2, 3, 100])
def test_micro_batches_are_the_batch_without_batch_norm(pieces: int) -> None:
    erm = METHODS["erm"]
    assert_equal(alone(job(erm, accumulate=pieces)), alone(job(erm)))


@pytest.mark.parametrize("pieces", [2, 3])
def test_each_micro_batch_draws_for_itself(pieces: int) -> None:
    share = BetaShare(0.4, per="row")
    in_pieces = alone(job(Vicinal(share), accumulate=pieces))
    in_blocks, whole = (alone(job(o)) for o in (InBlocks(share, blocks=pieces), Vicinal(share)))
    weights, same = in_pieces.model.state_dict(), in_blocks.model.state_dict()
    assert_close(weights, same, rtol=1e-9, atol=1e-9)
    losses = [[one["train_loss"] for one in s.history] for s in (in_pieces, in_blocks, whole)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-9)
    assert losses[0] != pytest.approx(losses[2], rel=1e-3)


def test_terms_are_means_over_rows_of_the_micro_batches() -> None:
    record = alone(job(METHODS["mixupe"], accumulate=3, epochs=1)).history[0]
    assert record["train_loss"] == pytest.approx(record["mixed_loss"], rel=1e-9)
    assert record["etahat_clamped"] == 0


@needs_compiler
def test_compiled_is_eager_and_keeps_its_names(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    one = job(METHODS["mixupe"], build=lambda: mlp(batch_norm=True), epochs=2)
    compiled = replace(one, train=one.train.model_copy(update={"compile": True}), checkpoint=path)
    eager = alone(one)
    assert_equal(alone(compiled), eager)
    kept = torch.load(path, weights_only=True)["model"]
    assert kept.keys() == eager.model.state_dict().keys()
    assert loop.start(replace(one, checkpoint=path)).epoch == 2


def test_what_cannot_be_compiled_says_so() -> None:
    exact = MixupE(Vicinal(BetaShare(0.4)), form="exact_abs")
    with pytest.raises(SettingError, match="second derivative"):
        alone(job(exact, compile=True))


@needs_fabric
@pytest.mark.parametrize("name", METHODS)
def test_bf16_trains_weights_that_stay_in_float32(name: str) -> None:
    seen: set[torch.dtype] = set()

    def net() -> torch.nn.Module:
        model = mlp(batch_norm=True)
        model.stages["head"].register_forward_hook(lambda *a: seen.add(a[2].dtype))
        return model

    one = job(METHODS[name], build=net, dtype=torch.float32, precision="bf16-mixed", epochs=8)
    state = alone(one)
    assert seen == {torch.bfloat16, torch.float32}  # training, evaluation
    assert {value.dtype for value in state.model.parameters()} == {torch.float32}
    full = alone(replace(one, train=one.train.model_copy(update={"precision": "32-true"})))
    losses = [record["train_loss"] for record in state.history]
    assert losses[-1] < losses[0]
    assert losses == pytest.approx([record["train_loss"] for record in full.history], rel=0.1)
    assert not torch.equal(*(s.model.stages["head"].weight for s in (state, full)))


@needs_fabric
@needs_cuda
def test_16_mixed_scales_the_loss_and_goes_on_with_its_scale(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.pt"
    one = job(METHODS["mixup"], dtype=torch.float32, precision="16-mixed", epochs=2)
    on_gpu = replace(one, device=torch.device("cuda"), checkpoint=path)
    state = alone(on_gpu)
    assert state.scaler["scale"] > 1
    assert loop.start(on_gpu).scaler == state.scaler


@pytest.mark.parametrize("setting", [{"precision": "bf16-mixed"}, {"accumulate": 2}])
def test_cohorts_do_not_know_these_settings(setting: dict[str, object]) -> None:
    assert (
        aspects(job(METHODS["erm"], **setting), mlp())
        == f"train.{next(iter(setting))} is not the default"
    )


def test_new_settings_leave_the_identity_of_older_cells_as_it_was() -> None:
    names = {"precision", "accumulate", "compile"}
    assert not names & Train().identity().keys()
    assert Train(accumulate=2).identity()["accumulate"] == 2
    assert Train().identity()["lr"] == 1e-3
