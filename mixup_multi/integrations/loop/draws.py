"""The state of a method in several processes, each with what its own last step remembered.

Lightning writes one checkpoint for all processes, the Trainer of Hugging Face a file for each. A
checkpoint of fewer processes serves more of them, since the draws of all follow from those of one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import distributed

from mixup_multi.integrations.loop.method import Method

State = Mapping[str, Any]
"""What `Method.state_dict` returns."""


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
    known = rank < len(states)
    method.load_state_dict(states[rank] if known else {**states[0], "memory": {}})
