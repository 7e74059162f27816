"""The draws of a method in several processes: each has its own, and a checkpoint has them all.

Lightning writes one checkpoint for all processes, the Trainer of Hugging Face a file for each. A
checkpoint of fewer processes serves more of them: those that it does not know go on from process 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import distributed

from mixup_multi.integrations.method import Method
from mixup_multi.streams import stream

State = Mapping[str, Any]
"""What `Method.state_dict` returns."""


def forked(state: State, rank: int) -> dict[str, Any]:
    """Return the state of process `rank` that follows from that of process 0.

    Process 0 draws as one process alone does; the others' draws are unrelated to its, and to one
    another's. What the last step remembered is of process 0's rows, so it stays there.
    """
    if rank == 0:
        return dict(state)
    from_zero = torch.Generator()
    from_zero.set_state(state["generator"])
    seed = int(torch.randint(2**63 - 1, (), generator=from_zero))
    return {**state, "generator": stream(seed, f"mix/rank {rank}").get_state(), "memory": {}}


def fork(method: Method, rank: int) -> None:
    """Give a method, which was made alike in all processes, the draws of process `rank`."""
    method.load_state_dict(forked(method.state_dict(), rank))


def states_of_all(method: Method) -> list[State]:
    """Return the states of all processes, in their order; every process has to ask for them."""
    own = method.state_dict()
    if not (distributed.is_available() and distributed.is_initialized()):
        return [own]
    states: list[Any] = [None] * distributed.get_world_size()
    distributed.all_gather_object(states, own)
    return states


def load_own(method: Method, states: Sequence[State], rank: int) -> None:
    """Go on from where `states_of_all` was asked for."""
    own = states[rank] if rank < len(states) else forked(states[0], rank)
    method.load_state_dict(own)
