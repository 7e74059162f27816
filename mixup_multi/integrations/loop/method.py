"""A method for a loop that is not ours: `loss = method(model, x, y)`.

An objective is pure: it is given its randomness, its targets as rows of a distribution, and what
its last step remembered. `Method` keeps those three for a loop that has nowhere to keep them.
"""

from __future__ import annotations

import re
import warnings
import weakref
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Self

import torch
from torch import Generator, Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Batch
from mixup_multi.bounds import Bounds
from mixup_multi.errors import SettingError
from mixup_multi.integrations.loop.averages import Averages
from mixup_multi.integrations.loop.checks import check_first_step, tell_of_lacking_points
from mixup_multi.integrations.loop.labels import check_lengths, check_rows, targets_of
from mixup_multi.integrations.loop.processes import rank
from mixup_multi.integrations.loop.training_part import Inputs, training_part
from mixup_multi.objectives.objective import (
    Memory,
    Objective,
    Terms,
    TrainingPart,
    target_kind,
)
from mixup_multi.streams import seed_of, stream
from mixup_multi.tree import Tree


class Method:
    """An objective with its generator and its memory; calling it returns the loss to minimise.

    Args:
        objective: a method's name as in recipes (`"mixupe"`, `"module:callable"`), or an
            `Objective`.
        classes: the number of classes, where labels are class indices `(n,)`. Labels that are
            rows `(n, c)`, numbers (`loss="squared"`) or binary (`loss="sigmoid"`) need none.
        seed: of all that the method draws; torch's global generators are not used. Processes that
            train together draw differently, each by the seed and its rank.
        settings: of the method, as in recipes: `alpha=0.4`, `inner={"name": "cutmix"}`.

    Attributes:
        objective: the objective.
        terms: what the last call computed, detached, e.g. `method.terms.means["error"]`; None
            before. Reading a value waits for the device; `record` does so once an epoch.

    Raises:
        SettingError: no such method or setting, or settings beside an `Objective`.

    >>> import torch
    >>> model = torch.nn.Linear(4, 3)
    >>> method = Method("mixup", classes=3, alpha=0.4)
    >>> loss = method(model, torch.randn(8, 4), torch.arange(8) % 3)
    >>> loss.backward()
    >>> model.weight.grad.shape
    torch.Size([3, 4])
    >>> sorted(method.record())
    ['error', 'loss']
    """

    def __init__(
        self,
        objective: str | Objective,
        *,
        classes: int | None = None,
        seed: int = 0,
        **settings: Any,
    ) -> None:
        self.objective = objective_of(objective, settings, beside=("classes", "seed"))
        self.classes = classes
        self._given = repr(objective) + "".join(f", {k}={v!r}" for k, v in settings.items())
        self._described = description(objective, settings)
        self.terms: Terms | None = None
        self._kind = target_kind(self.objective)
        self._seed = seed
        self._generator = stream(seed, "mix")
        self._memory: Memory = {}
        self._steps = 0
        self._fitted = False
        self._checked: weakref.ref[nn.Module] | None = None
        self._averages = Averages()
        self._check_classes()

    def __call__(
        self, model: nn.Module, inputs: Tree, labels: Tensor, *, rows: Tensor | None = None
    ) -> Tensor:
        """Draw, evaluate and return the loss, a scalar with gradients.

        Args:
            model: any module; one with points (`staged(...)`) can be mixed at those. It may be
                compiled, or wrapped in DistributedDataParallel.
            inputs: what it reads: a tree of tensors `(n, ...)`, or a graph batch.
            labels: class indices `(n,)`, numbers `(n,)`, or rows `(n, c)` of a distribution, of
                labels or of numbers; they are moved to where the inputs are.
            rows: `(n,)` the examples' places in what `fit` was given. VarMixup then looks up its
                cached codes instead of encoding the batch; others do without.

        Raises:
            SettingError: labels are not what the method's loss needs, or not as many as the inputs;
                the batch is empty; the method must be fitted first.
            PointError: the method asks for a point that the model does not offer.
        """
        targets = targets_of(labels, self._kind, self.classes)
        check_lengths(inputs, targets)
        self._check(model, labels)
        if isinstance(inputs, Tensor):
            targets = targets.to(inputs.device, non_blocking=True)
        batch = Batch(inputs, targets, rows)
        terms = self.objective(model, batch, self._drawing(), self._memory)
        self._steps += 1
        self._memory = terms.memory
        # A kept loss would keep the graph of its step in memory until the next one.
        self.terms = replace(terms, total=terms.total.detach())
        self._averages.add(self.terms, len(batch))
        return terms.total

    def fit(
        self,
        train: Any,
        *,
        bounds: Bounds | None = None,
        inputs: Inputs = None,
        batch_size: int = 256,
        device: torch.device | str = "cpu",
    ) -> Self:
        """Tell the method of the training part, which some need (`mixupe_exact`, attacks, codecs).

        Args:
            train: a map-style Dataset, a DataLoader, or the inputs as a tree of tensors `(N, ...)`;
                or a `TrainingPart`. Give examples as the model reads them, without random changes:
                the mean is taken of what is read. Only what the method asks for is computed.
            bounds: what a legal perturbation of an input is, which attacks on it need, e.g.
                `pixels(mean, std)`; see `mixup_multi.bounds`.
            inputs: the key of a batch's inputs, or a function that takes them out of it. None: the
                batch itself where it is a tensor, the first of a pair.
            batch_size: how many examples are read together.
            device: where codecs are fitted and used: that of the model.

        Returns:
            itself.

        Raises:
            SettingError: `train` is nothing that examples can be read from.
        """
        part: TrainingPart = training_part(
            train, bounds=bounds, inputs=inputs, batch_size=batch_size, device=device
        )
        self.objective = self.objective.fit(part)
        self._fitted = True
        self._checked = None
        return self

    @property
    def steps(self) -> int:
        """How many losses were computed, those before a checkpoint that was loaded included."""
        return self._steps

    def record(self) -> dict[str, float]:
        """Return the means over rows of what was computed since the last record, and begin anew.

        `loss` is that which was minimised, `error` (in [0, 1], or squared) the training error
        against the targets that were trained on: mixed targets, where the method mixes, so that it
        is not the error on the examples themselves. The rest is the method's own, and counts are
        summed. Each process has its own.
        """
        return self._averages.take()

    def state_dict(self) -> dict[str, Any]:
        """Return what a checkpoint needs for the draws to go on as if nothing had happened.

        Tensors and numbers, which `torch.load(..., weights_only=True)` reads. That of rank 0 serves
        all processes. What `fit` found out is no part of it: call `fit` again.
        """
        return {
            "method": self._described,
            "seed": self._seed,
            "steps": self._steps,
            "generator": self._generator.get_state(),
            "memory": dict(self._memory),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from where `state_dict` was taken; a state of another method draws a warning.

        Raises:
            SettingError: it is no such state.
        """
        lacking = [name for name in self.state_dict() if name not in {"method", *state}]
        if lacking:
            raise SettingError(
                f"the state lacks {', '.join(lacking)}: expected what Method.state_dict returned,"
                f" got {', '.join(map(str, state)) or 'nothing'}"
            )
        was = state.get("method", self._described)  # states of old have no name
        if was != self._described:
            warnings.warn(
                f"the state is that of {was}, and this is {self._described}: the draws go on, but"
                " the method is another one. Expected the one that the state was taken of",
                stacklevel=2,
            )
        self._seed, self._steps = int(state["seed"]), int(state["steps"])
        self._generator.set_state(state["generator"].cpu())
        self._memory = dict(state["memory"])

    def __repr__(self) -> str:
        """Return the method with the settings that were given."""
        return f"Method({self._given}, classes={self.classes}, seed={self._seed})"

    def __getstate__(self) -> dict[str, Any]:
        """Leave out what does not outlive the process."""
        return {**self.__dict__, "_checked": None}

    def _drawing(self) -> Generator:
        """Return the step's generator: one that goes on in rank 0, and is seeded anew in others.

        So one process's checkpoint tells all of them how to go on.
        """
        own = rank()
        if own:
            self._generator.manual_seed(seed_of(self._seed, f"mix/rank {own}/step {self._steps}"))
        return self._generator

    def _check(self, model: nn.Module, labels: Tensor) -> None:
        """Raise, before the first step of a model, what can be known to be amiss.

        To look at labels on a device is to wait for it, which one step may.
        """
        if self._checked is not None and self._checked() is model:
            return
        check_first_step(self.objective, model, fitted=self._fitted)
        if labels.dim() == 2 and labels.device.type not in ("cpu", "meta"):
            check_rows(labels, self._kind)  # those on the CPU have been looked at, in every step
        if self.terms is None:  # once: frameworks wrap their model anew in each step
            tell_of_lacking_points(self.objective, model)
        self._checked = weakref.ref(model)

    def _check_classes(self) -> None:
        if self.classes is not None and self.classes < 1:
            raise SettingError(f"classes is {self.classes}: expected 1 or more", ("classes",))
        if self.classes is not None and self._kind == "numbers":
            raise SettingError(
                f"classes is {self.classes}, and the loss is of numbers, which have none: expected"
                " labels that are numbers and no classes, or another loss",
                ("classes",),
            )


def objective_of(
    given: str | Objective, settings: Mapping[str, Any], beside: Iterable[str] = ()
) -> Objective:
    """Return the objective of a name and its settings, or one that is given itself.

    Args:
        given: the name, or the objective.
        settings: of the method.
        beside: other keywords of the caller, to suggest for a misspelt one.

    Raises:
        SettingError: no such method or setting, or settings beside an objective.
    """
    if isinstance(given, Objective):
        if settings:
            raise SettingError(
                f"settings {', '.join(settings)} have no effect beside an objective: set them in it"
            )
        return given
    resolved = door.check_settings(door.load_objective(given), settings, beside)
    made: Objective = door.build_objective({"name": given, **resolved})
    return made


def description(given: str | Objective, settings: Mapping[str, Any]) -> str:
    """Return a method with all its settings as text, the same in each process."""
    if isinstance(given, Objective):
        return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(given))
    resolved = door.check_settings(door.load_objective(given), settings)
    return f"{given}({', '.join(f'{name}={value!r}' for name, value in resolved.items())})"
