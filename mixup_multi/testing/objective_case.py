"""An objective, with the models and batches on which it is held to its contract."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Batch
from mixup_multi.errors import MixupMultiError
from mixup_multi.objectives.objective import Draw, Objective, Terms
from mixup_multi.streams import stream
from mixup_multi.testing.contract import skip
from mixup_multi.testing.members import Given, given_as
from mixup_multi.testing.probes import SIZES, Probe, probes_for
from mixup_multi.testing.settings import attributes_read

_NOTHING: Mapping[str, Any] = MappingProxyType({})
STEPS = 9
"""Enough for both methods of a switch to have had their turn."""


@dataclass(frozen=True)
class ObjectiveCase:
    """An objective, and what it is tried on.

    Attributes:
        given: how it was given.
        probes: what it is tried on.
        plain: settings beside `alpha: 0` with which it is ERM; None where it never is.
    """

    given: Given
    probes: tuple[Probe, ...]
    plain: Mapping[str, Any] | None = field(default_factory=dict)

    @property
    def label(self) -> str:
        """What the objective is called."""
        return self.given.label

    def made(self, probe: Probe, **changes: Any) -> Objective:
        """Return the objective with other settings, fitted to a probe's training part."""
        objective: Objective = self.given.make(**changes)
        return objective.fit(probe.training())

    def steps(self, probe: Probe, many: int = 1, n: int = 7) -> Terms:
        """Return the terms of the last of some steps, which share nothing."""
        net, objective = probe.model(), self.made(probe)
        objective.check(net)
        return [objective(net, probe.batch(n), stream(seed, "mix")) for seed in range(many)][-1]

    @cached_property
    def failures(self) -> Mapping[str, Exception]:
        """What is raised on the probes where the objective does not train, by their names."""
        if not isinstance(self.given.make(), Objective):
            skip("it is no Objective (see it_is_an_objective)")
        found: dict[str, Exception] = {}
        for probe in self.probes:
            try:
                self.steps(probe, STEPS)
            except Exception as error:
                found[probe.name] = error
        return found

    @cached_property
    def taken(self) -> tuple[Probe, ...]:
        """The probes on which the objective trains."""
        taken = tuple(probe for probe in self.probes if probe.name not in self.failures)
        return taken or skip("it trains on none of the probes (see it_trains)")

    @property
    def probe(self) -> Probe:
        """The first probe on which the objective trains."""
        return self.taken[0]

    @property
    def free(self) -> Probe:
        """The first of those whose model may have any number of outputs."""
        free = [probe for probe in self.taken if probe.free]
        return free[0] if free else skip("the given model has outputs of its own number")

    def sizes(self, probe: Probe) -> tuple[int, ...]:
        """Return the numbers of rows at which a step can be tried at all."""
        return tuple(n for n in SIZES if n == 7 or self.failure(probe, n) is None)

    def failure(self, probe: Probe, n: int) -> str | None:
        """Return what goes wrong with n rows; None where the total is finite."""
        try:
            total = self.steps(probe, n=n).total
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None if bool(total.isfinite().all()) else f"the total is {total.tolist()}"

    def each(self) -> list[tuple[Objective, nn.Module, Batch]]:
        """Return objective, model and batch of each probe and size at which it can be tried."""
        return [
            (self.made(probe), probe.model(), probe.batch(n))
            for probe in self.taken
            for n in self.sizes(probe)
        ]

    def read_by_use(self, made: Objective) -> set[str]:
        """Return the attributes that are read by `fit`, `check`, `draw` and `loss`."""
        probe = self.probe

        def use(objective: Objective) -> None:
            objective.check(probe.model())
            for seed in range(STEPS):
                objective(probe.model(), probe.batch(7), stream(seed, "mix"))

        read = attributes_read(made.fit(probe.training()), use)
        fits = type(made).fit is not Objective.fit
        return read | attributes_read(made, lambda it: it.fit(probe.training())) if fits else read


def objective_case(
    maker: Any,
    settings: Mapping[str, Any] | None = None,
    model: nn.Module | None = None,
    batch: Batch | None = None,
    plain: Mapping[str, Any] | None = _NOTHING,
) -> ObjectiveCase:
    """Return the case of an objective; see `check_objective`."""
    given = given_as(door.OBJECTIVES, maker, door.MADE[door.OBJECTIVES], settings)
    return ObjectiveCase(given, probes_for(model, batch), plain)


def drawn(objective: Objective, batch: Batch, seed: int = 0) -> Draw:
    """Return a draw for a batch."""
    return objective.draw(batch.targets, stream(seed, "mix"))


def gradients(total: Tensor, net: nn.Module) -> list[Tensor]:
    """Return the gradients of all parameters, zeros where there is none."""
    parameters = list(net.parameters())
    found = torch.autograd.grad(total, parameters, retain_graph=True, materialize_grads=True)
    return list(found)


def polite(error: Exception) -> bool:
    """Return whether an error is one that a user can mend."""
    return isinstance(error, MixupMultiError)
