"""Steps that two processes take together with a `Method`, by gloo on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, distributed, nn
from torch.nn.parallel import DistributedDataParallel

from mixup_multi import staged
from mixup_multi.integrations import Method

SIZE, STEPS = 2, 4
METHODS = {
    "erm": {},
    "mixup": {"points": "2"},
    "mixupe": {"points": "all"},
    "mixupe_exact": {"points": "2"},
}


def network() -> nn.Module:
    torch.manual_seed(0)
    chain = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True), nn.Linear(8, 3))
    return staged(chain, at=["2"]).double()


def examples() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(3)
    x = torch.randn(12, 4, dtype=torch.float64, generator=generator)
    return x, torch.arange(12) % 3


def steps(method: Method, model: nn.Module, part: slice, count: int) -> list[float]:
    """Take steps on a part of the examples and return their losses."""
    optimizer = torch.optim.SGD(model.parameters(), 0.5)
    x, y = (each[part] for each in examples())
    said = []
    for _ in range(count):
        optimizer.zero_grad()
        loss = method(model, x, y)
        loss.backward()
        optimizer.step()
        said.append(loss.item())
    return said


def train(rank: int, port: int, out: Path) -> None:
    """Train each method as one of the processes; then go on from rank 0's state in the middle."""
    torch.set_num_threads(1)
    address = f"tcp://127.0.0.1:{port}"
    distributed.init_process_group("gloo", init_method=address, rank=rank, world_size=SIZE)
    part = slice(6 * rank, 6 * rank + 6)
    found: dict[str, Any] = {}
    for name, settings in METHODS.items():
        method = Method(name, classes=3, seed=5, **settings)
        net = network()
        model = DistributedDataParallel(net)
        losses = steps(method, model, part, STEPS // 2)
        kept = [method.state_dict()]
        distributed.broadcast_object_list(kept)  # rank 0's, as its checkpoint holds it
        weights = {key: value.clone() for key, value in net.state_dict().items()}
        losses += steps(method, model, part, STEPS // 2)
        resumed, again = Method(name, classes=3, seed=1, **settings), network()
        resumed.load_state_dict(kept[0])
        again.load_state_dict(weights)
        then = steps(resumed, DistributedDataParallel(again), part, STEPS // 2)
        found[name] = {"losses": losses, "resumed": then, "model": net.state_dict()}
    torch.save(found, out / f"{rank}.pt")
    distributed.destroy_process_group()
