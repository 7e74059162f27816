"""Jobs that two processes train together, by gloo on the CPU."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from cohort_jobs import METHODS, data, job, mlp

from mixup_multi.attacks.presets import fgsm, pgd, random_fgsm
from mixup_multi.bounds import Bounds
from mixup_multi.engine import loop
from mixup_multi.engine.ranks import Ranks
from mixup_multi.engine.source import Data
from mixup_multi.mix import BetaShare
from mixup_multi.objectives import MixupE, Vicinal
from mixup_multi.objectives.presets.adversarial import adversarial, iat, trades

SIZE = 2
EXACT = MixupE(Vicinal(BetaShare(0.7)), eta=0.8, form="exact_abs")


def bounded() -> Data:
    """Return data that says what a legal perturbation is."""
    of = data(0)
    return replace(of, train=replace(of.train, bounds=Bounds(torch.ones(()))))


JOBS: Mapping[str, loop.Job] = {
    "erm": job(METHODS["erm"]),
    "erm in micro-batches": job(METHODS["erm"], accumulate=3, optimizer="sgd"),
    "mixup": job(METHODS["mixup"]),
    "mixup again": job(METHODS["mixup"]),
    "mixupe with BatchNorm": job(METHODS["mixupe"], build=lambda: mlp(batch_norm=True)),
    "exact mixupe": job(EXACT),
    "bf16-mixed": job(METHODS["mixup"], dtype=torch.float32, precision="bf16-mixed"),
}
ATTACKED: Mapping[str, loop.Job] = {
    "fgsm": job(adversarial(attack=fgsm(eps=0.3)), of=bounded()),
    "iat with BatchNorm": job(iat(), of=bounded(), build=lambda: mlp(batch_norm=True)),
    "fast": job(adversarial(attack=random_fgsm(eps=0.3)), of=bounded()),
    "hidden": job(adversarial(attack=pgd(point="head")), of=bounded()),
    "trades": job(trades(), of=bounded()),
}


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def train(rank: int, jobs: Mapping[str, loop.Job], ports: Mapping[str, int], out: Path) -> None:
    """Train jobs as one of the processes, and keep each one's model and history."""
    torch.set_num_threads(1)
    for name, one in jobs.items():
        told: list[dict[str, float]] = []
        mine = replace(one, ranks=Ranks(rank, SIZE, ports[name]))
        if rank:
            mine = replace(mine, checkpoint=None)
        state = loop.start(mine)
        loop.run(mine, state, told.append)
        kept: dict[str, Any] = {"model": state.model.state_dict(), "history": told}
        torch.save(kept, out / f"{name}.{rank}")


def train_named(rank: int, ports: Mapping[str, int], out: Path) -> None:
    """Train `JOBS`, which hold functions that no pipe carries."""
    train(rank, JOBS, ports, out)


def train_attacked(rank: int, ports: Mapping[str, int], out: Path) -> None:
    """Train `ATTACKED`."""
    train(rank, ATTACKED, ports, out)


def train_resumed(rank: int, ports: Mapping[str, int], out: Path) -> None:
    """Train mixup with dropout whole, and with an interruption after two of four epochs."""
    whole = job(METHODS["mixup"], build=lambda: mlp(dropout=0.2))
    first = replace(whole, train=whole.train.model_copy(update={"epochs": 2}))
    path = out / "checkpoint.pt"
    jobs = {
        "whole": whole,
        "first": replace(first, checkpoint=path),
        "resumed": replace(whole, checkpoint=path),
    }
    train(rank, jobs, ports, out)
