"""What an adapter offers: its data sets, loaded for a trial, and its models, built for one."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from inspect import Parameter
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from mixup_multi import door
from mixup_multi.batch import Batch, Joint
from mixup_multi.engine.source import Data, Dataset, Source, Trial
from mixup_multi.errors import MissingDataError
from mixup_multi.testing.compare import tensors_of, unsound
from mixup_multi.testing.contract import skip, unchecked

_LOADS_NOT = "it does not load (see it_loads)"
_FIRST = Trial()
SOME = 512
"""How many examples of a part are looked at where all would take long."""


@dataclass(frozen=True)
class Offer:
    """An adapter.

    Attributes:
        label: what it is called.
        adapter: an instance.
        root: a data root for the data sets that need files; None without.
        settings: of data sets and models, by name; the others take their defaults.
    """

    label: str
    adapter: Any
    root: Path | None = None
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @cached_property
    def datasets(self) -> dict[str, DataCase]:
        """The data sets by name."""
        return {name: DataCase(name, self, item) for name, item in self.adapter.datasets.items()}

    @cached_property
    def models(self) -> list[ModelCase]:
        """The models."""
        return [ModelCase(name, self, build) for name, build in self.adapter.models.items()]


@dataclass(frozen=True)
class DataCase:
    """A data set of an adapter."""

    label: str
    offer: Offer
    dataset: Dataset

    @property
    def embedded(self) -> bool:
        """Whether it needs no files."""
        return self.dataset.fetch is None and not self.dataset.size

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The loader's settings."""
        return door.check_settings(self.dataset.load, self.offer.settings.get(self.label, {}))

    def load(
        self,
        root: Path | None = None,
        trial: Trial = _FIRST,
        **changes: Any,
    ) -> Data:
        """Load the data set anew; embedded data from a root that does not exist.

        Raises:
            MixupMultiError: its files are missing, or a setting does not fit.
        """
        settings = self.settings
        if changes:
            settings = door.check_settings(self.dataset.load, {**settings, **changes})
        if root is None and not self.embedded:
            root = self.offer.root
        with tempfile.TemporaryDirectory() as empty:
            below = Path(empty, "nothing here") if root is None else root
            data: Data = door.build(self.dataset.load, below, trial, settings=settings)
        return data

    @cached_property
    def absence(self) -> str:
        """Why the data set cannot be tried here; empty where it can."""
        if not isinstance(self.dataset, Dataset):
            return "it is no Dataset"
        if not self.embedded and self.offer.root is None:
            return "it needs files: give check_adapter a data root (root=)"
        try:
            if not isinstance(self._loaded, Data):
                return _LOADS_NOT
        except MissingDataError as error:
            return f"its files are not below the root: {error}"
        except Exception as error:
            return f"give its settings: {error}" if self._wanting else _LOADS_NOT
        return ""

    @property
    def _wanting(self) -> bool:
        """Whether a setting without a default was not given."""
        given = self.offer.settings.get(self.label, {})
        settings = door.settings_of(self.dataset.load)
        needed = {name for name, (_, default) in settings.items() if default is Parameter.empty}
        return not needed <= set(given)

    @cached_property
    def _loaded(self) -> Data:
        return self.load()

    @property
    def data(self) -> Data:
        """The data set; the rule does not apply where it cannot be loaded."""
        return skip(self.absence) if self.absence else self._loaded

    @property
    def parts(self) -> dict[str, Source]:
        """The parts by name."""
        data = self.data
        found = {"train": data.train, "validation": data.validation, "test": data.test}
        return {name: part for name, part in found.items() if part is not None}

    def some(self, part: Source) -> Tensor:
        """Return the places of up to `SOME` examples, from the first to the last."""
        n = len(part)
        return torch.linspace(0, n - 1, min(n, SOME)).round().long()

    @cached_property
    def read(self) -> dict[str, Batch]:
        """Some examples of each part, un-augmented."""
        return {name: part.gather(self.some(part)) for name, part in self.parts.items()}


@dataclass(frozen=True)
class ModelCase:
    """A model of an adapter, built for the first of its data sets that it takes."""

    label: str
    offer: Offer
    build: Callable[..., nn.Module]

    @cached_property
    def settings(self) -> dict[str, Any]:
        """The model's settings."""
        return door.check_settings(self.build, self.offer.settings.get(self.label, {}))

    def make(self, data: Data, seed: int = 0) -> nn.Module:
        """Build the model, with weights of a seed; torch's global generator stays as it is."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model: nn.Module = door.build(self.build, data, settings=self.settings)
        return model

    @cached_property
    def attempts(self) -> list[tuple[DataCase, nn.Module | Exception]]:
        """What came of building the model for data sets, until one was taken."""
        found: list[tuple[DataCase, nn.Module | Exception]] = []
        for case in self.offer.datasets.values():
            if case.absence:
                continue
            try:
                found.append((case, self.make(case.data)))
                break
            except Exception as error:
                found.append((case, error))
        return found

    @property
    def fitting(self) -> tuple[DataCase, nn.Module]:
        """The data set, and the model; the rule does not apply where there is none."""
        taken = [(case, model) for case, model in self.attempts if isinstance(model, nn.Module)]
        return taken[0] if taken else skip("it was built for no data set (see it_is_built)")

    @property
    def source(self) -> DataCase:
        """The data set for which the model is built."""
        return self.fitting[0]

    @property
    def data(self) -> Data:
        """The same, loaded."""
        return self.source.data

    @property
    def model(self) -> nn.Module:
        """The model, in evaluation mode."""
        return self.fitting[1].eval()

    @cached_property
    def flaw(self) -> str:
        """Why nothing can be learnt of the model by running it; empty where a pass succeeds."""
        inputs = self.batch(2).inputs
        if unsound(inputs):
            return "its inputs hold NaN or infinity (see inputs_are_finite)"
        try:
            with torch.no_grad():
                logits = self.model(inputs)
        except Exception as error:
            return f"the model raised {type(error).__name__} (see it_returns_logits)"
        if isinstance(logits, Tensor) and unsound(logits):
            return "logits hold NaN or infinity (see it_returns_logits)"
        return ""

    @property
    def running(self) -> nn.Module:
        """The model, in evaluation mode; the rule cannot be tried where a plain pass fails."""
        return unchecked(self.flaw) if self.flaw else self.model

    def batch(self, n: int) -> Batch:
        """Return the first n training examples."""
        return self.data.train.gather(torch.arange(n) % len(self.data.train))


def rows_of(inputs: Any, index: list[int]) -> list[Tensor]:
    """Return the tensors of the examples at `index` of gathered inputs."""
    if isinstance(inputs, Joint):
        return tensors_of(inputs.examples_at(torch.tensor(index)))
    return [leaf[index] for leaf in tensors_of(inputs)]


def offer_of(
    adapter: Any, root: Path | None, settings: Mapping[str, Mapping[str, Any]] | None
) -> Offer:
    """Return what is given as an adapter: a name, `module:Class`, a class or an instance."""
    if isinstance(adapter, str):
        return Offer(adapter, door.load_adapter(adapter), root, settings or {})
    made = adapter() if isinstance(adapter, type) else adapter
    return Offer(type(made).__qualname__.rpartition(".")[2], made, root, settings or {})


def cases_of(offer: Offer) -> Iterator[tuple[str, Any]]:
    """Yield the adapter's cases with their kinds."""
    from mixup_multi.testing.shift_case import shift_cases

    yield "adapter", offer
    datasets, models = (getattr(offer.adapter, name, None) for name in ("datasets", "models"))
    if isinstance(datasets, Mapping) and isinstance(models, Mapping):
        for case in offer.datasets.values():
            yield "dataset", case
        for model in offer.models:
            yield "model", model
        for data in offer.datasets.values():
            yield from (("shift", shift) for shift in shift_cases(data))
